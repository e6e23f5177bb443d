"""Passages packed into the budget: whole sentences, in order, never too many tokens, nothing twice."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.chat.context import LEAST_REMNANT, at_both_ends, pack, tokens_of
from footnote.chat.passages import location_label
from footnote.chat.sources import build_source
from footnote.knowledge import Block, ParsedDocument, RetrievedPassage, count_tokens, sentence_spans
from footnote.knowledge.chunking import chunk
from footnote.models import EvidenceSpan, PromptPassage, SentenceScore, passage_frame
from footnote.platform.settings import IngestionSettings
from tests.support.passages import make_passage

SENTENCES = [
    "The lighthouse was built in 1912.",
    "Ships land at the northern harbour, which is free of ice.",
    "It is high.",
    "名前は三木英子です。",
    "Dr. Weber paid 3.50 Euro.",
    "The keeper of the light came to the island when the old one had died, and he stayed for thirty years.",
]
PARAGRAPHS = st.lists(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=12), min_size=1, max_size=6)


def ranked(*texts):
    """Passages of a document each."""
    return [
        RetrievedPassage(make_passage(text, document_id=UUID(int=index + 1)), 1.0 - index / 10)
        for index, text in enumerate(texts)
    ]


def document(paragraphs, separator="\n\n"):
    """A document's text and its chunks, as ingestion makes them."""
    text, blocks = "", []
    for sentences in paragraphs:
        text += separator if text else ""
        paragraph = " ".join(sentences)
        blocks.append(Block(len(text), len(text) + len(paragraph), "paragraph"))
        text += paragraph
    parsed = ParsedDocument(text, tuple(blocks), "Farol")
    return text, chunk(parsed, IngestionSettings(chunk_target_tokens=40, chunk_max_tokens=60))


@st.composite
def searches(draw):
    """Chunks of two documents, any of them, in any order."""
    texts, found = [], []
    for number in (1, 2):
        text, drafts = document(draw(PARAGRAPHS), draw(st.sampled_from(["\n", "\n\n"])))
        texts.append(text)
        found += [
            make_passage(
                draft.text, draft.start, chunk_id=100 * number + draft.ordinal, ordinal=draft.ordinal,
                document_id=UUID(int=number),
            )
            for draft in drafts
        ]  # fmt: skip
    some = draw(st.lists(st.sampled_from(found), max_size=12))
    return texts, [RetrievedPassage(one, 1.0 - rank / 20) for rank, one in enumerate(some)]


def of_prompt(packed):
    return sum(tokens_of(passage_frame(one.prompt)) + count_tokens(one.prompt.text) for one in packed)


@given(searches(), st.integers(0, 900), st.sampled_from([1.0, 1.3]))
@settings(deadline=None)
def test_whatever_is_found_the_context_is_a_part_of_the_documents_within_the_budget(search, budget, factor):
    texts, found = search
    packed = pack(found, budget, token_factor=factor)
    assert of_prompt(packed) * factor <= budget
    assert [one.prompt.number for one in packed] == list(range(1, len(packed) + 1))
    assert [one.retrieved.score for one in packed] == sorted(
        (one.retrieved.score for one in packed), reverse=True
    )
    places = {}
    for one in packed:
        given_text, whole = one.prompt.text, one.retrieved.passage
        text = texts[whole.document_id.int - 1]
        slice_ = text[whole.start : whole.start + len(given_text)]
        assert given_text.split() == slice_.split()
        assert all(a == b or (a.isspace() and b.isspace()) for a, b in zip(given_text, slice_, strict=True))
        assert whole.text.startswith(given_text)
        for part in one.prompt.parts:
            assert given_text[part.start : part.end] == slice_[part.start : part.end]
        ends = {end for _, end in sentence_spans(text)}
        cut_by_chunks = {chunk_.passage.end for chunk_ in one.parts}
        assert whole.start + len(given_text) in ends | cut_by_chunks
        taken = set(range(whole.start, whole.start + len(given_text)))
        assert not taken & places.setdefault(whole.document_id, set())
        places[whole.document_id] |= taken


@given(searches())
@settings(deadline=None)
def test_evidence_is_the_documents_own_text_wherever_it_is_taken_from(search):
    texts, found = search
    for one in pack(found, 2_000):
        spans = [EvidenceSpan(one.prompt.number, *span) for span in sentence_spans(one.prompt.text)]
        spans.append(EvidenceSpan(one.prompt.number, 0, len(one.prompt.text)))
        text = texts[one.retrieved.passage.document_id.int - 1]
        for evidence in build_source(one, spans).evidence:
            assert text[evidence.start : evidence.end] == evidence.text


def test_what_fits_is_given_whole_and_in_order():
    packed = pack(ranked("First passage.", "Second passage."), 2_000)
    assert [(one.prompt.number, one.prompt.text) for one in packed] == [
        (1, "First passage."),
        (2, "Second passage."),
    ]
    assert packed[0].prompt.score == 1.0


def test_neighbours_become_one_passage_in_reading_order():
    first, second, third = (f"Sentence {number} of the guide stands here." for number in (1, 2, 3))
    step = len(first) + 1
    one, two, three = (
        RetrievedPassage(
            make_passage(
                text, index * step, ordinal=index, chunk_id=index, unit_kind="page", unit_from=index + 1,
                unit_to=index + 1,
            ),
            score,
            sentences=(SentenceScore(0, len(text), (score,)),),
        )
        for index, (text, score) in enumerate([(first, 0.4), (second, 0.9), (third, 0.5)])
    )  # fmt: skip
    (packed,) = pack([two, three, one], 2_000)
    assert packed.prompt.text == f"{first} {second} {third}"
    assert packed.prompt.score == 0.9
    assert packed.prompt.location == "page 1-3"
    assert packed.retrieved.passage.chunk_id == 1
    assert [part.passage.ordinal for part in packed.parts] == [0, 1, 2]
    assert [(part.start, part.score) for part in packed.prompt.parts] == [
        (0, 0.4),
        (step, 0.9),
        (2 * step, 0.5),
    ]
    assert [(s.start, s.cosines) for s in packed.prompt.sentences] == [
        (0, (0.4,)), (step, (0.9,)), (2 * step, (0.5,)),
    ]  # fmt: skip
    source = build_source(packed, [EvidenceSpan(1, step, step + len(second))])
    assert (source.location.first, source.location.last) == (2, 2)
    assert source.evidence[0].text == second
    both = build_source(packed, [EvidenceSpan(1, 0, step + len(second))])
    assert [piece.text for piece in both.evidence] == [first, second]


def test_chunks_that_overlap_are_joined_without_repeating_what_they_share():
    text = "One is first. Two is second. Three is third."
    one = RetrievedPassage(make_passage(text[:28], 100), 0.9)
    two = RetrievedPassage(make_passage(text[14:], 114, chunk_id=2), 0.8)
    (packed,) = pack([two, one], 2_000)
    assert packed.prompt.text == text
    assert packed.retrieved.passage.start == 100
    assert [text[part.start : part.end] for part in packed.prompt.parts] == [
        "One is first. Two is second.",
        " Three is third.",
    ]


def test_versions_and_documents_are_never_joined():
    one = RetrievedPassage(make_passage("One.", 0), 0.9)
    other = RetrievedPassage(make_passage("Two.", 5, version=2), 0.8)
    assert len(pack([one, other], 2_000)) == 2


def test_the_same_text_is_packed_once():
    packed = pack(ranked("The same words.", "Others.", "the  same WORDS."), 2_000)
    assert [one.prompt.text for one in packed] == ["The same words.", "Others."]


def test_a_passage_that_does_not_fit_gives_its_first_sentences_if_they_are_enough():
    long = " ".join(f"Sentence number {number} says a few words." for number in range(60))
    frame = tokens_of(passage_frame(pack(ranked("x"), 200)[0].prompt))
    (cut,) = pack(ranked(long), frame + LEAST_REMNANT)
    assert long.startswith(cut.prompt.text)
    assert 80 < count_tokens(cut.prompt.text) <= LEAST_REMNANT
    assert cut.prompt.text.endswith("words.")
    assert pack(ranked(long), frame + LEAST_REMNANT - 5) == []
    (small,) = pack(ranked(long, "A small one fits."), frame + LEAST_REMNANT - 5)
    assert small.prompt.text == "A small one fits."


def test_the_header_and_the_delimiters_count():
    titled = RetrievedPassage(make_passage("Short.", title="A long title " * 20), 0.9)
    assert pack([titled], 80) == []
    assert len(pack(ranked("Short."), 80)) == 1


def test_what_the_tokenizer_does_not_know_is_not_free():
    unknown = "ကျောင်းသားများသည်" * 30
    assert tokens_of(unknown) >= len(unknown.encode()) / 6


@pytest.mark.parametrize(
    ("count", "order"), [(0, []), (1, [1]), (2, [1, 2]), (5, [1, 3, 5, 4, 2]), (6, [1, 3, 5, 6, 4, 2])]
)
def test_the_best_stand_at_both_ends_and_keep_their_numbers(count, order):
    prompts = [PromptPassage(number, "", "", 0.5) for number in range(1, count + 1)]
    assert [one.number for one in at_both_ends(prompts)] == order


def test_a_place_is_told_as_a_person_would():
    text = "x"
    assert location_label(make_passage(text)) == ""
    page = make_passage(text, unit_kind="page", unit_from=3, unit_to=3, heading_path=("Guide", "Windows"))
    assert location_label(page) == "page 3, Guide > Windows"
    sheet = make_passage(text, unit_kind="sheet", unit_from=1, unit_to=2, unit_label="Sales")
    assert location_label(sheet) == "sheet 1-2, Sales"
