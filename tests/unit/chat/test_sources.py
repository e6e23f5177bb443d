"""Sources: spans in the document, and excerpts that are never cut in a word."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.chat.passages import PackedPassage
from footnote.chat.sources import build_source, excerpt
from footnote.knowledge import RetrievedPassage
from footnote.models import EvidenceSpan, PromptPassage
from tests.support.passages import make_passage

TEXT = " ".join(f"word{number} follows the one before it, and so on." for number in range(40))


def packed(text=TEXT, start=1000, score=0.7, **changes):
    own = {
        "document_id": UUID(int=7), "version": 2, "title": "Words", "filename": "words.pdf",
        "heading_path": ("A", "B"), "unit_kind": "page", "unit_from": 3, "unit_to": 4,
    }  # fmt: skip
    retrieved = RetrievedPassage(make_passage(text, start, **(own | changes)), score)
    return PackedPassage(PromptPassage(1, "Words", text, score), retrieved, (retrieved,))


def test_spans_are_those_of_the_document():
    first, second = TEXT.index("word3 "), TEXT.index("word20 ")
    spans = [
        EvidenceSpan(1, second, second + 20),
        EvidenceSpan(1, first, first + 10),
        EvidenceSpan(1, first, first + 10),
    ]
    source = build_source(packed(), spans).as_json()
    assert [piece["text"] for piece in source["evidence"]] == [
        TEXT[first : first + 10],
        TEXT[second : second + 20],
    ]
    assert source["evidence"][0]["start"] == 1000 + first
    assert source["span"] == {"start": 1000 + first, "end": 1000 + second + 20}
    assert (source["page"], source["version"]) == (3, 2)
    assert source["location"] == {"kind": "page", "from": 3, "to": 4, "label": None}
    assert source["heading_path"] == ["A", "B"]


@pytest.mark.parametrize(("kind", "page"), [("slide", None), ("sheet", None), (None, None)])
def test_only_pages_are_pages(kind, page):
    source = build_source(packed(unit_kind=kind), [EvidenceSpan(1, 0, 5)])
    assert source.page is page
    assert (source.location is None) == (kind is None)


def test_a_score_outside_of_its_range_is_clamped():
    assert build_source(packed(score=1.2), [EvidenceSpan(1, 0, 5)]).relevance_score == 1.0


@given(
    st.text(alphabet="ab é中\n.", min_size=1, max_size=400),
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60)), min_size=1, max_size=4),
)
def test_an_excerpt_holds_its_evidence_and_whole_words(text, wanted):
    places = [(at % len(text), min(len(text), at % len(text) + size)) for at, size in wanted]
    shown = excerpt(text, places)
    flat = " ".join(shown.split())
    for start, end in places:
        assert " ".join(text[start:end].split()) in flat
    words = set(re.findall(r"\w+", text))
    short = {word for word in words if len(word) < 90}
    assert all(word in short or len(word) >= 90 for word in re.findall(r"\w+", shown))


def test_what_is_left_out_is_marked():
    start = TEXT.index("word20 ")
    shown = excerpt(TEXT, [(start, start + 30)])
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert excerpt("Short and whole.", [(0, 5)]) == "Short and whole."
