"""Chunks: whole sentences, within the model's window, nothing lost."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.knowledge.chunking import chunk
from footnote.knowledge.models import Block, ParsedDocument
from footnote.knowledge.sentences import sentence_spans
from footnote.knowledge.tokens import count_tokens
from footnote.platform.settings import IngestionSettings

SETTINGS = IngestionSettings()
SENTENCE = "The pump moves forty litres of water per minute through the upper filter of the tank."


def document(*blocks, title="Manual", unit_kind=None):
    """Blocks as (text, kind, unit, heading path) or just a text."""
    text, made = "", []
    for entry in blocks:
        body, kind, unit, path = (
            (*entry, *("paragraph", None, ())[len(entry) - 1 :])
            if isinstance(entry, tuple)
            else (entry, "paragraph", None, ())
        )
        if text:
            text += "\n\n"
        made.append(Block(len(text), len(text) + len(body), kind, unit, None, path))
        text += body
    return ParsedDocument(text=text, blocks=tuple(made), title=title, unit_kind=unit_kind)


def check(parsed, chunks):
    """The promises of `chunk`."""
    covered = bytearray(len(parsed.text))
    position = 0
    for ordinal, draft in enumerate(chunks):
        assert draft.ordinal == ordinal
        assert draft.start >= position
        position = draft.end
        assert draft.text == parsed.text[draft.start : draft.end]
        assert draft.text == draft.text.strip()
        assert draft.embedding_text.endswith(draft.text)
        assert list(draft.sentences) == sentence_spans(draft.text)
        assert [draft.embedding_text[start:end] for start, end in draft.embedded_sentences] == [
            draft.text[start:end] for start, end in draft.sentences
        ]
        assert draft.token_count == count_tokens(draft.embedding_text) <= SETTINGS.chunk_max_tokens
        covered[draft.start : draft.end] = b"\1" * (draft.end - draft.start)
    for block in parsed.blocks:
        lost = [
            parsed.text[index]
            for index in range(block.start, block.end)
            if not covered[index] and not parsed.text[index].isspace()
        ]
        assert not lost


def test_a_short_document_is_one_chunk_with_its_title():
    parsed = document("First point.", ("A heading", "heading"), "Second point.")
    (only,) = chunk(parsed, SETTINGS)
    assert only.text == parsed.text
    assert only.embedding_text == f"Manual\n{parsed.text}"


def test_sentences_stay_whole_and_sizes_are_near_the_target():
    parsed = document(" ".join([SENTENCE] * 60))
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    assert all(draft.text.endswith("tank.") for draft in chunks)
    assert all(120 <= draft.token_count <= 230 for draft in chunks)


def test_sections_are_not_mixed_and_headings_stay_with_their_text():
    body = " ".join([SENTENCE] * 9)
    parsed = document(
        ("Pumps", "heading", None, ()),
        (body, "paragraph", None, ("Pumps",)),
        ("Filters", "heading", None, ()),
        (body, "paragraph", None, ("Filters",)),
    )
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    assert [draft.heading_path for draft in chunks] == [("Pumps",), ("Filters",)]
    assert chunks[1].text.startswith("Filters\n\nThe pump")
    assert chunks[1].embedding_text == f"Manual\n{chunks[1].text}"


def test_a_later_chunk_of_a_section_carries_its_headings():
    path = ("Pumps", "Maintenance")
    parsed = document((" ".join([SENTENCE] * 30), "paragraph", None, path))
    assert chunk(parsed, SETTINGS)[1].embedding_text.startswith("Manual\nPumps > Maintenance\nThe pump")


def test_tiny_neighbours_are_packed():
    items = [(f"Item {number} of the list.", "list_item", None, ("List",)) for number in range(60)]
    parsed = document(*items)
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    assert len(chunks) <= 4


def test_tiny_sections_are_packed_under_what_they_share():
    blocks = []
    for number in range(40):
        blocks += [
            (f"Term {number}", "heading", None, ("Glossary",)),
            ("A short meaning.", "paragraph", None, ("Glossary", f"Term {number}")),
        ]
    parsed = document(*blocks)
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    assert len(chunks) < 10
    assert {draft.heading_path for draft in chunks} == {("Glossary",)}


def test_slides_are_never_mixed():
    parsed = document(
        ("Hello there.", "paragraph", 1),
        ("More words.", "paragraph", 2),
        ("The end.", "paragraph", 3),
        unit_kind="slide",
    )
    long = document(*((" ".join([SENTENCE] * 5), "paragraph", unit) for unit in (1, 2, 3)), unit_kind="slide")
    assert [(d.unit_from, d.unit_to) for d in chunk(long, SETTINGS)] == [(1, 1), (2, 2), (3, 3)]
    assert {(d.unit_from, d.unit_to) for d in chunk(parsed, SETTINGS)} <= {(1, 1), (2, 2), (3, 3)}


def test_only_a_sentence_that_runs_over_the_page_break_is_joined():
    first = " ".join([SENTENCE] * 5) + " The warranty covers every part of the pump that is"
    second = "made of metal. " + " ".join([SENTENCE] * 5)
    parsed = document((first, "paragraph", 1), (second, "paragraph", 2), unit_kind="page")
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    (joined,) = [draft for draft in chunks if "warranty" in draft.text]
    assert joined.text.endswith("made of metal.")
    assert (joined.unit_from, joined.unit_to) == (1, 2)
    finished = document((SENTENCE * 8, "paragraph", 1), (SENTENCE * 8, "paragraph", 2), unit_kind="page")
    assert all(draft.unit_from == draft.unit_to for draft in chunk(finished, SETTINGS))


def test_table_rows_stay_whole():
    rows = [(f"Name: Person {n}; City: Rome. Old town; Age: {n}", "table_row") for n in range(80)]
    parsed = document(*rows)
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    for draft in chunks:
        assert all(line.startswith("Name:") and "Age:" in line for line in draft.text.split("\n\n"))


def test_a_sentence_longer_than_the_window_is_cut_at_clauses():
    clause = "the committee which had met before decided to wait, "
    parsed = document(clause * 60 + "and then it ended.")
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    assert all(draft.text.endswith((",", ".")) for draft in chunks)
    assert min(draft.token_count for draft in chunks) > 100


def test_the_prefix_is_shortened_and_never_the_text():
    title = "A very long title of a document " * 20
    path = tuple(f"Heading number {n} with many words in it" for n in range(12))
    parsed = document((" ".join([SENTENCE] * 40), "paragraph", None, path), title=title)
    chunks = chunk(parsed, SETTINGS)
    check(parsed, chunks)
    assert all(draft.embedding_text != draft.text for draft in chunks)


def test_the_innermost_heading_is_kept_longest():
    path = ("Outer heading with quite a few words " * 6, "Inner")
    parsed = document((" ".join([SENTENCE] * 40), "paragraph", None, path))
    assert all("Inner\n" in draft.embedding_text for draft in chunk(parsed, SETTINGS))


@pytest.mark.parametrize("unit", ["a", "字", "a,", "กข", "한", "x/y+Z9", "A", "😀"])
def test_an_unbroken_line_is_cut_in_linear_time(unit):
    def cost(size):
        parsed = document(unit * (size // len(unit)))
        started = time.process_time()
        chunks = chunk(parsed, SETTINGS)
        return time.process_time() - started, parsed, chunks

    small, *_ = cost(20_000)
    large, parsed, chunks = cost(100_000)
    assert large < 5 * 4 * max(small, 0.02)
    check(parsed, chunks)


WORDS = st.sampled_from(
    [
        "word",
        "Hello.",
        "字",
        "한국어",
        "a" * 300,
        "。",
        "é",
        "😀",
        "x-y",
        "3.14",
        "Dr.",
        "(foo",
        "bar)",
        "=+/",
        "https://a.b/c?d=e_f",
        "_" * 120,
        "1,234",
        "…",
        "!?",
        "عربي",
        ";",
        "\u0e01\u0e02" * 60,
    ]
)
BODIES = st.builds(
    lambda words, gap: gap.join(words).strip() or "x",
    st.lists(WORDS, min_size=1, max_size=120),
    st.sampled_from([" ", "", " ", " "]),
)
BLOCKS = st.lists(
    st.tuples(
        BODIES,
        st.sampled_from(["heading", "paragraph", "list_item", "table_row", "code", "note", "caption"]),
        st.integers(min_value=0, max_value=1),
        st.lists(st.sampled_from(["A", "B", "Long heading " * 20]), max_size=3).map(tuple),
    ),
    min_size=1,
    max_size=10,
)


@given(
    BLOCKS,
    st.sampled_from(["T", "A long title " * 30, "标题" * 100]),
    st.sampled_from([None, "page", "sheet"]),
)
@settings(max_examples=60, deadline=None)
def test_no_structure_breaks_the_promises(blocks, title, unit_kind):
    unit, numbered = 1, []
    for body, kind, step, path in blocks:
        unit += step
        numbered.append((body, kind, unit, path))
    parsed = document(*numbered, title=title, unit_kind=unit_kind)
    check(parsed, chunk(parsed, SETTINGS))


def test_each_chunk_has_the_language_it_is_in():
    german = "Die Pumpe fördert vierzig Liter Wasser in der Minute durch den oberen Filter des Behälters."
    parsed = document(" ".join([SENTENCE] * 12), " ".join([german] * 12))
    languages = [draft.language for draft in chunk(parsed, SETTINGS)]
    assert set(languages) == {"en", "de"}
    assert languages == sorted(languages, reverse=True)


def test_a_chunk_of_few_words_leaves_its_language_to_the_document():
    assert [draft.language for draft in chunk(document("Nur wenige Wörter hier."), SETTINGS)] == ["und"]
