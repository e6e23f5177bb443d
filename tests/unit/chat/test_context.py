"""Passages packed into the budget: whole sentences, in order, never too many tokens."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from footnote.chat.context import location_label, pack
from footnote.knowledge import Passage, RetrievedPassage, count_tokens, sentence_spans

SENTENCES = st.lists(
    st.sampled_from(
        [
            "The lighthouse was built in 1912.",
            "Ships land at the northern harbour, which is free of ice.",
            "It is high.",
            "名前は三木英子です。",
            "Dr. Weber paid 3.50 Euro.",
        ]
    ),
    min_size=1,
    max_size=30,
)


def passage(text, **changes):
    values = {
        "chunk_id": 1, "document_id": UUID(int=1), "version": 1, "ordinal": 0, "title": "Farol",
        "filename": "farol.pdf", "text": text, "start": 0, "end": len(text), "heading_path": (),
        "unit_kind": None, "unit_from": None, "unit_to": None, "unit_label": None, "language": "en",
    }  # fmt: skip
    return Passage(**{**values, **changes})


def ranked(*texts):
    return [RetrievedPassage(passage(text), 1.0 - index / 10) for index, text in enumerate(texts)]


@given(st.lists(SENTENCES, max_size=6), st.integers(0, 600))
def test_the_budget_holds_and_sentences_stay_whole(passages, budget):
    texts = [" ".join(sentences) for sentences in passages]
    packed = pack(ranked(*texts), budget)
    used = sum(count_tokens(one.prompt.text) + count_tokens("Farol ") for one in packed)
    assert used <= budget
    assert [one.prompt.number for one in packed] == list(range(1, len(packed) + 1))
    for one, text in zip(packed, texts, strict=False):
        assert text.startswith(one.prompt.text)
        assert len(one.prompt.text) in {end for _, end in sentence_spans(text)}


def test_what_fits_is_given_whole_and_in_order():
    packed = pack(ranked("First passage.", "Second passage."), 2_000)
    assert [(one.prompt.number, one.prompt.text) for one in packed] == [
        (1, "First passage."),
        (2, "Second passage."),
    ]
    assert packed[0].prompt.score == 1.0


def test_a_place_is_told_as_a_person_would():
    text = "x"
    assert location_label(passage(text)) == ""
    page = passage(text, unit_kind="page", unit_from=3, unit_to=3, heading_path=("Guide", "Windows"))
    assert location_label(page) == "page 3, Guide > Windows"
    sheet = passage(text, unit_kind="sheet", unit_from=1, unit_to=2, unit_label="Sales")
    assert location_label(sheet) == "sheet 1-2, Sales"
