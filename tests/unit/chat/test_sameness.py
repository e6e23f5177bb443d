"""The second check: what may pass for the same question, and what never may.

How often it is right is what `tests/evaluation/semantic_cache.py` measures; here stand kinds of differences.
"""

import json
from pathlib import Path

import pytest

from footnote.chat.caching import exact_form
from footnote.chat.caching.sameness import compare

PAIRS = Path(__file__).parents[2] / "evaluation" / "data" / "semantic_cache_pairs.jsonl"


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Which costs are covered?", "Which costs are not covered?", "negations"),
        ("Why did it pass?", "Why didn't it pass?", "negations"),
        ("Who did not sign but paid?", "Who signed but did not pay?", "negations"),
        ("What is due after 30 days?", "What is due after 60 days?", "turning"),
        ("Who won in 1921?", "Who won in 1922?", "numbers"),
        ("What is on floor two?", "What is on floor three?", "numbers"),
        ("Who was Henry VII?", "Who was Henry VIII?", "numbers"),
        ("Can 2 nurses serve 10 wards?", "Can 10 nurses serve 2 wards?", "numbers"),
        ("What were the sales in May?", "What were the sales in June?", "content"),
        ("How long is it in metres?", "How long is it in feet?", "content"),
        ("Where is Anna Meyer?", "Where is Anna Meier?", "content"),
        ("What is the maximum?", "What is the minimum?", "content"),
        ("Who founded it?", "When was it founded?", "asks"),
        ("How many shops are there?", "Which shops are there?", "asks"),
        ("Who is the director?", "Who was the director?", "time"),
        ("Who will lead the project?", "Who led the project?", "time"),
        ("May I park here?", "Must I park here?", "modal"),
        ("Do all members pay?", "Do some members pay?", "turning"),
        ("What happens before the audit?", "What happens after the audit?", "turning"),
        ("How do I go from Rome to Oslo?", "How do I go from Oslo to Rome?", "turning"),
        ("How do I convert euros to dollars?", "How do I convert dollars to euros?", "roles"),
        ("Does Acme own Globex?", "Does Globex own Acme?", "roles"),
        ("Who hired the manager?", "Who was hired by the manager?", "roles"),
        ("Who taught Aristotle?", "Who did Aristotle teach?", "roles"),
        ("Who wrote to him?", "Who wrote about him?", "turning"),
        ("What is IT?", "What is it?", "turning"),
        ("Welche Kosten werden erstattet?", "Welche Kosten werden nicht erstattet?", "negations"),
        ("Wen kontrolliert der Prüfer?", "Wer kontrolliert den Prüfer?", "asks"),
        ("¿Quién es el presidente?", "¿Quién fue el presidente?", "time"),
        ("Quel est le prix ?", "Quel est le poids ?", "content"),
        ("東京支店の住所は何ですか?", "大阪支店の住所は何ですか?", "content"),
        ("?", "!", "nothing to compare"),
    ],
)
def test_what_tells_two_questions_apart(one, other, reason):
    verdict = compare(one, other)
    assert (verdict.same, verdict.reason) == (False, reason)
    assert not compare(other, one).same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the refund policy?", "Could you please tell me what the refund policy is?"),
        ("How do I reset my password?", "How can I reset my password?"),
        ("What's the deadline?", "What is the deadline?"),
        ("What is the vacation policy of the company?", "What is the company's vacation policy?"),
        ("What is the policy on remote work?", "What is the remote work policy?"),
        ("What is the notice period in Germany?", "In Germany, what is the notice period?"),
        ("Who owns Acme?", "By whom is Acme owned?"),
        ("How do I clean the filter?", "How is the filter cleaned?"),
        ("What happens after 3 attempts?", "What happens after three attempts?"),
        ("What happened on 4 July 1776?", "What happened on July 4, 1776?"),
        ("At what time does the shop open?", "When does the shop open?"),
        ("How do I buy a licence?", "How do I purchase a license?"),
        ("How tall is the tower?", "What is the height of the tower?"),
        ("Must I submit a receipt?", "Do I have to submit a receipt?"),
        ("Wie kündige ich den Vertrag?", "Wie kann ich den Vertrag kündigen?"),
        ("¿Quién era el director en 2015?", "En 2015, ¿quién era el director?"),
    ],
)
def test_what_asks_the_same(one, other):
    assert compare(one, other).same, compare(one, other)
    assert compare(other, one).same


def test_every_question_asks_what_it_asks():
    texts = {text for line in PAIRS.read_text().splitlines() for text in json.loads(line)["questions"]}
    nothing_to_compare = {"What is it?"}
    assert {text for text in texts if not compare(text, text).same} == nothing_to_compare


def test_none_of_the_hard_negatives_passes():
    """A regression test; the measure is the script of the evaluation."""
    rows = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    negatives = [row["questions"] for row in rows if not row["same"]]
    assert len(negatives) >= 340
    assert [pair for pair in negatives if compare(*pair).same or compare(*reversed(pair)).same] == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is it?", " what  is it ", True),
        ("Where is it?", "where is it?!", True),
        ("Cafe\u0301 prices?", "Café prices", True),
        ("GDPR fines", "gDPR fines", False),
        ("What is IT?", "What is it?", False),
        ("What is C++?", "What is C?", False),
    ],
)
def test_the_exact_form_leaves_out_what_certainly_means_nothing(one, other, same):
    assert (exact_form(one) == exact_form(other)) == same
