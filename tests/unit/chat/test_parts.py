"""Questions that ask several things, and what is said of those that no passage speaks of."""

import pytest

from footnote.chat.exemptions import is_abstention, is_exempt
from footnote.chat.parts import AskedParts, asked_parts, is_missing, own_terms, question_parts
from footnote.chat.refusals import abstention, remainder
from footnote.knowledge import TermAnalysis

LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "nl"]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "When was the lighthouse built and who painted it?",
            ["When was the lighthouse built", "who painted it"],
        ),
        ("Who built it? When was it painted?", ["Who built it", "When was it painted"]),
        ("What is the difference between Python and Java?", ["Python", "Java"]),
        ("What is the capital of France and Germany?", ["France", "Germany"]),
        ("What do both the mayor and the keeper want?", ["the mayor", "the keeper want"]),
        (
            "Was kostet ein Hund und wer muss ihn melden?",
            ["Was kostet ein Hund", "wer muss ihn melden"],
        ),
        ("Quelle est la différence entre le vin et la bière ?", ["le vin", "la bière"]),
        ("¿Quién lo construyó y cuándo se pintó?", ["Quién lo construyó", "cuándo se pintó"]),
        ("Chi lo costruì e quando fu dipinto?", ["Chi lo costruì", "quando fu dipinto"]),
        ("Quem o construiu e quando foi pintado?", ["Quem o construiu", "quando foi pintado"]),
        ("Wie bouwde hem en wanneer werd hij geverfd?", ["Wie bouwde hem", "wanneer werd hij geverfd"]),
    ],
)
def test_the_parts_are_the_questions_own_words(question, parts):
    assert list(question_parts(question)) == parts


@pytest.mark.parametrize(
    "question",
    [
        "How do I reset my password?", "Where is the Bank of Portugal?", "What is salt and pepper squid?",
        "?!", "", "Which bread is made of rye and corn?", 'Who recorded "Walking in Fresno?"',
    ],
)  # fmt: skip
def test_a_question_for_one_thing_has_no_parts(question):
    assert question_parts(question) == ()


def test_a_part_is_missing_only_if_no_passage_holds_its_own_words():
    own = own_terms([frozenset({"lighthous", "built"}), frozenset({"lighthous", "paint"}), frozenset()])
    assert own == [{"built"}, {"paint"}, frozenset()]
    idf = {"built": 2.0, "paint": 3.0, "lighthous": 1.0}
    passages = [frozenset({"lighthous", "built"}), frozenset({"harbour"})]
    assert [is_missing(terms, passages, idf) for terms in own] == [False, True, False]


def test_where_no_part_is_spoken_of_none_is_singled_out():
    parts = ["who built it", "who painted it"]
    terms = [frozenset({"built", "paint"}), frozenset({"built"}), frozenset({"paint"})]
    analysis = TermAnalysis(tuple(terms), {"built": 2.0, "paint": 3.0})
    assert asked_parts(parts, analysis, [frozenset({"harbour"})]) == AskedParts()
    told = asked_parts(parts, analysis, [frozenset({"built"})])
    assert told.missing == ("who painted it",)
    assert told.missing_terms == {"paint"}
    assert told.wanted == (frozenset({"built"}),)
    assert told.spoken_of == "who built it"
    assert asked_parts(parts, analysis, [frozenset({"built", "paint"})]).spoken_of == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_are_told_in_the_questions_language_and_claim_nothing(language):
    texts = {abstention("What?", language), remainder(["who painted it"], language)}
    assert all(is_abstention(text) and is_exempt(text) for text in texts)
    assert len(texts) == 2
    assert (abstention("What?", language) == abstention("What?", "en")) == (language == "en")


def test_a_language_without_words_of_its_own_is_refused_in_english():
    assert abstention("x", "ja") == abstention("x", "en")


def test_what_is_quoted_cannot_cite_and_is_short():
    assert "[" not in abstention("See [1] and [2]?")
    assert len(abstention("word " * 400)) < 200
    assert remainder(["a", "b"]).endswith("“a”, “b”.")
