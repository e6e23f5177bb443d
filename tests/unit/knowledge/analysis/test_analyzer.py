"""The analysis as a whole: routing, decisions, and that it always holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.knowledge import QueryType, analyze_query


def _decisions(query: str, **options) -> dict[str, str]:
    return {one.aspect: one.reason for one in analyze_query(query, **options).decisions}


@pytest.mark.parametrize(
    ("query", "suggested", "measured"),
    [
        ("Python tutorial", "lexical", "hybrid"),
        ("When was Python created?", "hybrid", "hybrid"),
        ("Compare Python vs JavaScript for ML", "hybrid", "hybrid"),
        ("How do I teach a computer to recognize images?", "vector", "hybrid"),
        ("E-1042", "lexical", "lexical"),
        ("std::vector", "lexical", "lexical"),
        ("max_connections, E-1042", "lexical", "lexical"),
        ('"annual leave policy"', "lexical", "lexical"),
        ('title:handbook "annual leave policy" -draft', "lexical", "lexical"),
        ('explain the "annual leave" rules to me', "vector", "hybrid"),
        ("error E-1042", "lexical", "hybrid"),
    ],
)
def test_routing(query, suggested, measured):
    analysis = analyze_query(query)
    assert (analysis.suggested_strategy, analysis.strategy) == (suggested, measured)
    assert analyze_query(query, routing="by_type").strategy == suggested


def test_every_choice_has_a_reason():
    decisions = _decisions('title:handbook "paid leave" -draft GDPR after:2024-01-01 what is it?')
    understood = {"filter", "phrase", "exclusion", "language", "type", "expansion"}
    assert set(decisions) == understood | {"suggested_strategy", "strategy", "depth"}
    assert all(decisions.values())


def test_fields_and_exclusions_name_nothing():
    analysis = analyze_query("category:HR -NATO rules of the WTO")
    assert [one.text for one in analysis.entities] == ["WTO"]


def test_entities_are_spans_of_what_was_typed():
    query = 'category:hr who wrote "The Trial" in 1914?'
    for one in analyze_query(query).entities:
        assert query[one.start : one.end] == one.text


def test_a_long_query_keeps_its_words():
    query = "word " * 1_000
    analysis = analyze_query(query)
    assert analysis.text.split() == query.split()


def test_the_language_is_that_of_the_words_and_not_of_the_operators():
    assert analyze_query("Wie viele Urlaubstage habe ich? lang:en title:handbook").language == "de"


_PIECES = 'title: " - “ What is GDPR E-1042 2024-01-01 ? und le 什么 です why A . compare \n'
PIECES = st.sampled_from([*_PIECES.split(" "), " "])
QUERIES = st.text(max_size=2_000) | st.lists(PIECES, max_size=200).map("".join)


@given(QUERIES, st.sampled_from(["measured", "by_type"]))
@settings(max_examples=300)
def test_it_holds_for_any_text(query, routing):
    analysis = analyze_query(query, routing=routing)
    assert analysis == analyze_query(query, routing=routing)
    assert analysis.original == query
    assert bool(analysis.text.strip()) == bool(query.strip())
    assert analysis.type in QueryType
    assert 3 <= analysis.depth <= 16
    for one in analysis.entities:
        assert query[one.start : one.end] == one.text
    for expansion in analysis.expansions:
        assert 0 < expansion.weight < 1
        assert expansion.added
