"""The part of a passage that is shown."""

from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge.excerpts import excerpt

TEXT = (
    "The island lies far out. It has two harbours. Ships land at the northern harbour, which is free of ice "
    "in winter. The southern one belongs to fishermen. Nobody has counted the birds."
)


def test_the_sentences_with_the_most_words_of_the_query():
    shown = excerpt(TEXT, "Which harbours are free of ice?", max_characters=80)
    assert shown == "… Ships land at the northern harbour, which is free of ice in winter. …"


def test_a_short_passage_is_shown_whole():
    assert excerpt("One sentence.", "anything") == "One sentence."


def test_without_a_common_word_it_is_the_beginning():
    assert excerpt(TEXT, "zebra", max_characters=50) == "The island lies far out. It has two harbours. …"


def test_a_sentence_that_is_too_long_is_cut_between_words():
    shown = excerpt("word " * 100, "word", max_characters=42)
    assert shown == "word word word word word word word word …"


def test_line_ends_become_spaces():
    assert excerpt("A list:\n- one\n- two", "list") == "A list: - one - two"


@given(st.text(max_size=400), st.text(max_size=40), st.integers(10, 100))
def test_it_never_grows_beyond_its_limit_and_never_fails(text, query, limit):
    assert len(excerpt(text, query, limit)) <= limit + 4
