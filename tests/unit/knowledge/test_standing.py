"""Why a document was not found: the first cause that applies is the one that is told."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from footnote.knowledge import (
    CandidateTrace,
    DocumentStatus,
    Outcome,
    Passage,
    Retrieval,
    RetrievalTrace,
    RetrievedPassage,
    SearchFilters,
    analyze_query,
)
from footnote.knowledge.standing import Cause, Check, ChunkStanding, DocumentStanding, StandingDocument
from footnote.knowledge.standing.verdict import Pool, verdict

WANTED, OTHER = UUID(int=1), UUID(int=2)
DOCUMENT = StandingDocument(
    WANTED, "Guide", "guide.pdf", DocumentStatus.COMPLETED, "active", 2, 3, None, None, None, None
)
CHUNK = ChunkStanding(
    chunk_id=11, version=2, ordinal=0, text="text", start=0, end=4, heading_path=(), unit_kind=None,
    unit_from=None, bm25=1.25, lexical_rank=140, cosine=0.31, dense_rank=205,
)  # fmt: skip
STANDING = DocumentStanding(DOCUMENT, allowed=3, chunks=(CHUNK,), corpus_chunks=1000)
NOTHING = Retrieval((), "hybrid")


def told(standing=STANDING, found=NOTHING):
    return verdict(WANTED, standing, found, Pool(100, 40))


def passage(document_id, chunk_id):
    return Passage(chunk_id, document_id, 2, 0, "t", "f", "text", 0, 4, (), None, None, None, None, "en")


def candidate(outcome, rank=17, reason="Because."):
    return CandidateTrace(
        chunk_id=10 + rank, document_id=WANTED, version=2, ordinal=0, title="t", cosine=0.1, bm25=1.0,
        dense_rank=1, lexical_rank=1, fused_score=0.1, fused_rank=rank, rerank_score=None, rerank_rank=None,
        final_score=0.1, final_rank=rank, signals={}, outcome=outcome, reason=reason,
    )  # fmt: skip


def search(*candidates, passages=()):
    trace = RetrievalTrace(analyze_query("query"), SearchFilters(), candidates, {}, None)
    return Retrieval(tuple(passages), "hybrid", trace=trace)


def test_a_document_that_is_not_there():
    assert told(DocumentStanding(None)).cause is Cause.NOT_THERE


@pytest.mark.parametrize(
    ("changes", "cause", "words"),
    [
        ({"deleted_at": datetime(2026, 5, 1, tzinfo=UTC)}, Cause.DELETED, "deleted on 2026-05-01"),
        ({"active_version": None, "duplicate_of": OTHER}, Cause.DUPLICATE, str(OTHER)),
        (
            {"active_version": None, "status": DocumentStatus.FAILED, "failure_reason": "It is encrypted."},
            Cause.FAILED,
            "It is encrypted.",
        ),
        ({"active_version": None, "status": DocumentStatus.QUARANTINED}, Cause.FAILED, "No reason"),
        (
            {"active_version": None, "status": DocumentStatus.PROCESSING, "stage": "embedded"},
            Cause.NOT_PROCESSED,
            "it is embedded",
        ),
    ],
)
def test_a_document_that_cannot_be_searched(changes, cause, words):
    standing = DocumentStanding(replace(DOCUMENT, **changes))
    assert told(standing).cause is cause
    assert words in told(standing).words


def test_a_failed_new_version_leaves_the_old_one_to_be_searched():
    document = replace(DOCUMENT, status=DocumentStatus.FAILED, failure_reason="broken")
    assert told(replace(STANDING, document=document)).cause is Cause.BELOW_CANDIDATES


def check(kind, name, value, chunks):
    return Check(kind, name, value, chunks)


@pytest.mark.parametrize(
    ("checks", "cause", "words"),
    [
        (
            [check("operator", "phrase", "a b", 0), check("filter", "category", "x", 0)],
            Cause.FILTERED_OUT,
            "filter category = x.",
        ),
        (
            [check("filter", "category", "x", 3), check("filter", "tags", "p, q", 0)],
            Cause.FILTERED_OUT,
            "filter tags = p, q.",
        ),
        ([check("operator", "phrase", "a b", 0)], Cause.EXCLUDED, "the phrase 'a b' does not stand in it"),
        ([check("operator", "excluded", "ships", 0)], Cause.EXCLUDED, "'ships', which the query excludes"),
        ([check("operator", "title", "ships", 0)], Cause.EXCLUDED, "its title"),
        ([check("operator", "filename", "pdf", 0)], Cause.EXCLUDED, "file's name"),
        (
            [check("operator", "phrase", "a", 1), check("operator", "phrase", "b", 2)],
            Cause.EXCLUDED,
            "no passage fits all",
        ),
        ([], Cause.NOT_PROCESSED, "no passages"),
    ],
)
def test_a_document_that_is_shut_out(checks, cause, words):
    standing = replace(STANDING, allowed=0, checks=tuple(checks))
    assert told(standing).cause is cause
    assert words in told(standing).words


def test_a_document_that_was_found_is_told_its_rank():
    passages = [RetrievedPassage(passage(OTHER, 1), 0.9), RetrievedPassage(passage(WANTED, 11), 0.8)]
    found = told(found=search(candidate(Outcome.NEAR_DUPLICATE, 1), passages=passages))
    assert (found.cause, found.rank, found.chunk_id) == (Cause.FOUND, 2, 11)
    assert "number 2 of 2" in found.words


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome.NEAR_DUPLICATE, Cause.NEAR_DUPLICATE),
        (Outcome.TOO_SIMILAR, Cause.TOO_SIMILAR),
        (Outcome.BELOW_CUT, Cause.BELOW_CUT),
        (Outcome.BELOW_LIMIT, Cause.BELOW_LIMIT),
    ],
)
def test_a_candidate_that_went_tells_its_own_reason(outcome, cause):
    found = told(found=search(candidate(Outcome.BELOW_LIMIT, 30, "Later."), candidate(outcome, 17, "Why.")))
    assert (found.cause, found.chunk_id) == (cause, 27)
    assert found.words == "Its best passage ranked 17 and was left out: Why."


def test_a_document_below_the_candidates_is_told_both_ranks():
    far = replace(CHUNK, chunk_id=12, lexical_rank=900, dense_rank=101, cosine=0.4)
    found = told(replace(STANDING, chunks=(CHUNK, far)))
    assert found.cause is Cause.BELOW_CANDIDATES
    assert "by words its best passage ranks 140 (BM25 1.25)" in found.words
    assert "by meaning its best passage ranks 101 (cosine 0.40)" in found.words
    assert "its best 100, and the best 40 are ranked" in found.words


def test_a_document_without_a_word_of_the_query():
    silent = replace(CHUNK, bm25=0.0, lexical_rank=None)
    found = told(replace(STANDING, chunks=(silent,)))
    assert found.cause is Cause.NO_COMMON_WORD
    assert "No word of the query" in found.words
    assert "ranks 205 (cosine 0.31)" in found.words


def test_one_leg_alone_speaks_for_itself():
    by_words = told(replace(STANDING, chunks=(replace(CHUNK, cosine=None, dense_rank=None),)))
    assert by_words.cause is Cause.BELOW_CANDIDATES
    assert "meaning was not compared" in by_words.words
    by_meaning = told(replace(STANDING, chunks=(replace(CHUNK, bm25=None, lexical_rank=None),)))
    assert by_meaning.cause is Cause.BELOW_CANDIDATES
    assert "by words" not in by_meaning.words
    assert "by meaning its best passage ranks 205" in by_meaning.words
