"""What a record says, how it is written, and what is told of documents later."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from footnote.chat import Answer, AnswerMetadata, ChatQuestion, Evidence, Source
from footnote.chat.explain.standing import document_standing, passage_validity
from footnote.chat.passages import PackedPassage
from footnote.chat.provenance import DocumentState, Grounds, PassageState, canonical, plain, sha256
from footnote.chat.provenance.recording import MAX_CANDIDATES, Trail, supplied
from footnote.knowledge import (
    CandidateTrace,
    Outcome,
    Retrieval,
    RetrievalTrace,
    RetrievedPassage,
    SearchFilters,
    analyze_query,
)
from footnote.models import PromptPassage
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from tests.support.clock import ManualClock
from tests.support.passages import make_passage

DOCUMENT = UUID("0190b6f0-0000-7000-8000-000000000001")
CONTEXT = OrganizationContext(new_id(), new_id())


def passage(chunk_id=1, start=10, text="One sentence. Another one.", **more):
    own = {
        "chunk_id": chunk_id, "document_id": DOCUMENT, "version": 3, "ordinal": chunk_id, "title": "Guide",
        "filename": "guide.pdf", "heading_path": ("A", "B"), "unit_kind": "page", "unit_from": 2,
        "unit_to": 2,
    }  # fmt: skip
    return make_passage(text, start, **(own | more))


def candidate(rank, **more):
    values = {
        "chunk_id": rank, "document_id": DOCUMENT, "version": 3, "ordinal": rank, "title": "Guide",
        "cosine": 0.123456789, "bm25": 1.5, "dense_rank": rank, "lexical_rank": None, "fused_score": 0.5,
        "fused_rank": rank, "rerank_score": None, "rerank_rank": None, "final_score": 0.5, "final_rank": rank,
        "signals": {"title": 0.0123456789}, "outcome": Outcome.KEPT, "reason": f"Number {rank}.",
    }  # fmt: skip
    return CandidateTrace(**{**values, **more})


def answer(**more):
    metadata = {
        "tokens_used": 3, "response_time_ms": 12, "model_used": "extractive", "cached": False,
        "confidence": 0.9, "abstained": False, "strategy": "hybrid", "degraded": None, "prompt_version": None,
        "passages_considered": 1, "citations_removed": 0, "finish_reason": "stop",
    }  # fmt: skip
    source = Source(
        number=1, document_id=DOCUMENT, title="Guide", filename="guide.pdf", version=3, excerpt="…",
        location=None, heading_path=(), evidence=(Evidence(10, 23, "One sentence."),), relevance_score=0.5,
    )  # fmt: skip
    return Answer(new_id(), new_id(), "One sentence. [1]", (source,), AnswerMetadata(**{**metadata, **more}))


def recorded(answer, *, trace=None, grounds=None, degraded=None):
    trail = Trail(ManualClock())
    trail.grounds = grounds
    trail.found = Retrieval((), "hybrid", degraded, 7, {"embed": 1.5}, trace=trace)
    return trail.record(CONTEXT, ChatQuestion("What?", filters=SearchFilters(tags=("a",))), answer)


def test_canonical_json_is_the_same_for_the_same_value():
    one = {
        "b": (1, 2.0),
        "a": UUID(int=1),
        "at": datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=3))),
    }
    other = {"at": datetime(2026, 1, 2, tzinfo=UTC), "a": str(UUID(int=1)), "b": [1, 2.0]}
    assert canonical(one) == canonical(other)
    assert canonical({"outcome": Outcome.KEPT}) == '{"outcome":"kept"}'
    assert canonical(SearchFilters(category="ü"))[:17] == '{"category":"ü","'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"score": float("nan")})


def test_a_digest_is_that_of_the_text():
    record = recorded(answer())
    assert record.digest == hashlib.sha256(record.text.encode()).hexdigest()
    assert json.loads(record.text) == record.body
    assert canonical(record.body) == record.text


def test_a_record_says_what_was_asked_found_and_answered():
    found = answer()
    grounds = Grounds(found.message_id, corpus_version=7, planned_model="extractive", settings="digest")
    body = recorded(found, grounds=grounds).body
    assert (body["question"], body["filters"], body["corpus_version"]) == ("What?", {"tags": ["a"]}, 7)
    assert body["answer"]["sha256"] == sha256("One sentence. [1]")
    assert body["citations"] == [
        {
            "number": 1, "document_id": str(DOCUMENT), "version": 3, "start": 10, "end": 23,
            "text": "One sentence.",
        }
    ]  # fmt: skip
    assert body["documents"][0]["title"] == "Guide"
    assert body["search_timings_ms"] == {"embed": 1.5}
    assert body["timings_ms"]["total"] == 12.0
    assert (body["cache"]["origin"], body["fallbacks"], body["retrieval"]) == (None, [], None)


def test_a_repeated_answer_names_the_one_it_repeats():
    first = new_id()
    body = recorded(answer(cached=True), grounds=Grounds(first, planned_model="extractive")).body
    assert body["cache"]["origin"] == str(first)


def test_what_failed_on_the_way_is_told_once():
    degraded = "Only words were searched."
    found = answer(degraded=f"{degraded} The generation model failed; another one answered.")
    grounds = Grounds(found.message_id, planned_model="big-model")
    body = recorded(found, grounds=grounds, degraded=degraded).body
    assert body["fallbacks"] == [
        {"stage": "search", "reason": degraded},
        {
            "stage": "generation",
            "reason": "big-model was asked first, extractive answered."
            " The generation model failed; another one answered.",
        },
    ]


def test_at_most_a_hundred_candidates_are_kept_as_rows():
    candidates = tuple(map(candidate, range(1, 151)))
    trace = RetrievalTrace(analyze_query("lighthouse"), SearchFilters(), candidates, {"rrf_k": 60}, "ranker")
    body = recorded(answer(), trace=trace).body["retrieval"]
    assert (body["total"], len(body["candidates"]["rows"])) == (150, MAX_CANDIDATES)
    first = dict(zip(body["candidates"]["fields"], body["candidates"]["rows"][0], strict=True))
    assert first == {**plain(candidate(1)), "cosine": 0.123457, "signals": {"title": 0.012346}}
    assert body["analysis"]["type"] == "keyword"
    assert len(canonical(body)) < 20_000


def test_chunks_that_were_joined_are_recorded_each_under_the_number_of_the_whole():
    one, two = passage(1, 10, "First part."), passage(2, 22, "Second part that was cut.")
    parts = (RetrievedPassage(one, 0.9), RetrievedPassage(two, 0.5))
    whole = replace(one, text="First part. Second part", end=33)
    packed = PackedPassage(
        PromptPassage(4, "Guide", "First part. Second part", 0.9), RetrievedPassage(whole, 0.9), parts
    )
    first, second = supplied([packed])
    assert (first.number, first.chunk_id, first.supplied) == (4, 1, 11)
    assert (second.number, second.chunk_id, second.supplied) == (4, 2, 11)
    assert second.sha256 == sha256("Second part that was cut.")


def test_a_stage_that_runs_twice_adds_up_and_counts_if_it_fails():
    clock = ManualClock()
    trail = Trail(clock)
    with trail.measure("write"):
        clock.advance(0.5)
    stage = trail.measure("write")
    stage.__enter__()
    clock.advance(0.25)
    assert not stage.__exit__(RuntimeError, RuntimeError(), None)
    assert trail.timings_ms == {"write": 750.0}


NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "standing", "note"),
    [
        (DocumentState(DOCUMENT, "t", 3, None), "current", "the current one"),
        (DocumentState(DOCUMENT, "t", 4, None), "newer_version", "from version 3, now version 4"),
        (DocumentState(DOCUMENT, "t", None, None), "not_searched", "no version of it"),
        (DocumentState(DOCUMENT, "t", 3, NOW), "deleted", "deleted on 2026-05-01"),
        (None, "gone", "nothing of the document is left"),
    ],
)
def test_where_a_document_stands(now, standing, note):
    found, words = document_standing(3, now)
    assert found == standing
    assert note in words


def state(text="text", digest="same", stands=True):
    return PassageState(1, text, digest, stands)


@pytest.mark.parametrize(
    ("passage_now", "active", "deleted", "validity"),
    [
        (state(), 3, None, "valid"),
        (state(text=None, digest=None), 4, None, "moved"),
        (state(text=None, digest=None, stands=False), 4, None, "outdated"),
        (state(stands=False), None, None, "outdated"),
        (state(digest="other", stands=False), 3, None, "altered"),
        (state(), 3, NOW, "deleted"),
        (None, 3, None, "unknown"),
    ],
)
def test_whether_a_citation_still_holds(passage_now, active, deleted, validity):
    document = DocumentState(DOCUMENT, "t", active, deleted)
    assert passage_validity(3, "same", passage_now, document)[0] == validity


def test_a_passage_of_a_document_that_is_gone_cannot_be_followed():
    assert passage_validity(3, "same", state(), None)[0] == "deleted"
