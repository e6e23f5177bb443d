"""The ranking's steps: blend, signals, duplicates, diversity, cut."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge import Candidate, Outcome
from footnote.knowledge.ranking.blending import blend, on_scale_of
from footnote.knowledge.ranking.diversity import diversified
from footnote.knowledge.ranking.duplicates import Unrepeated
from footnote.knowledge.ranking.evidence import ChunkEvidence, RankingEvidence
from footnote.knowledge.ranking.features import Contender
from footnote.knowledge.ranking.ranking import Reranked, rank
from footnote.knowledge.ranking.signals import freshness, title_match
from footnote.platform.settings import RetrievalSettings
from tests.support.passages import make_passage

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PASSAGE = make_passage("", title="Handbook", filename="handbook.txt")
TEXTS = (
    "Employees have thirty days of leave in a year, to be agreed with the manager of their team.",
    "Employees have thirty days of leave in a year, to be agreed with the manager of their team!",
    "The bakery opens at six in the morning and sells bread made of rye.",
    "Invoices are paid within fourteen days of their receipt.",
)


def pool_of(*texts, ages=None):
    return [_contender(at, text, ages[at - 1] if ages else 0) for at, text in enumerate(texts, start=1)]


def _contender(at, text, age_days):
    updated_at = NOW - timedelta(days=age_days)
    passage = replace(PASSAGE, chunk_id=at, ordinal=at, text=text, updated_at=updated_at)
    return Contender(Candidate(at), 1.0 - at / 10, passage)


def ranked(pool, scores=None, evidence=None, limit=10, query="leave", **changes):
    settings = RetrievalSettings(**changes)
    reranked = None if scores is None else Reranked("told", scores, 0.7)
    return rank(query, pool, reranked, evidence, limit=limit, unrepeated=True, settings=settings, now=NOW)


def kept(result):
    return [one.contender.candidate.chunk_id for one in result if one.outcome is Outcome.KEPT]


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=20),
    st.lists(st.floats(0, 1), min_size=20, max_size=20),
)
def test_scaling_keeps_the_order_and_takes_the_mean(scores, reference):
    reference = reference[: len(scores)]
    moved = on_scale_of(scores, reference)
    order = sorted(range(len(scores)), key=lambda at: scores[at])
    if max(scores) - min(scores) > 1e-6 and max(reference) - min(reference) > 1e-6:
        assert all(moved[a] <= moved[b] + 1e-9 for a, b in pairwise(order))
    assert sum(moved) == pytest.approx(sum(reference), abs=1e-6)


def test_the_reranker_is_blended_and_never_replaces():
    assert blend([1.0, 0.0], [0.0, 1.0], 0.7) == pytest.approx([0.7, 0.3])
    result = ranked(pool_of(*TEXTS), [0.1, 0.2, 0.9, 0.3], near_duplicates=None)
    assert kept(result)[0] == 3
    assert result[0].rerank_rank == 1
    assert result[0].fused_rank == 3
    assert result[0].score == pytest.approx(0.7 * 0.9 + 0.3 * 0.7)


def test_those_that_the_reranker_did_not_see_stay_behind_those_it_saw():
    result = ranked(pool_of(*TEXTS), [0.0, 0.0], near_duplicates=None)
    assert kept(result) == [1, 2, 3, 4]
    assert [one.rerank_score for one in result] == [0.0, 0.0, None, None]


def test_of_two_that_say_the_same_the_better_one_stays():
    result = ranked(pool_of(*TEXTS))
    assert kept(result) == [1, 3, 4]
    assert result[1].outcome is Outcome.NEAR_DUPLICATE
    assert "passage 2 of “Handbook”" in result[1].reason
    assert kept(ranked(pool_of(*TEXTS), [0.1, 0.9, 0.2, 0.2]))[0] == 2


def test_duplicates_are_told_by_their_words_alone():
    unrepeated = Unrepeated(0.9)
    assert [unrepeated.take(text) for text in ("a b c d", "A, b: c; d.", "d c b a", "", "")] == [
        None, 0, None, None, 2,
    ]  # fmt: skip
    strict = Unrepeated(1.0)
    assert [strict.take(text) for text in TEXTS] == [None, 0, None, None]


def test_the_limit_and_the_cut_say_why():
    result = ranked(pool_of(*TEXTS), limit=2)
    assert [one.outcome for one in result] == [
        Outcome.KEPT, Outcome.NEAR_DUPLICATE, Outcome.KEPT, Outcome.BELOW_LIMIT,
    ]  # fmt: skip
    cut = ranked(pool_of(*TEXTS), cut_below=0.75)
    assert cut[3].outcome is Outcome.BELOW_CUT


def test_new_documents_and_fitting_titles_count_where_they_are_wanted():
    assert kept(ranked(pool_of(*TEXTS, ages=[900, 900, 0, 900]), freshness_weight=0.5))[0] == 3
    assert kept(ranked(pool_of(*TEXTS, ages=[900, 900, 0, 900])))[0] == 1
    result = ranked(pool_of(*TEXTS), query="what does the handbook say", title_weight=0.2)
    assert result[0].signals == {"title": 0.2}


def test_signals_are_what_they_say():
    assert freshness(NOW - timedelta(days=180), NOW, 180) == pytest.approx(0.5)
    assert freshness(NOW + timedelta(days=1), NOW, 180) == 1.0
    assert freshness(None, NOW, 180) == 0.0
    assert title_match("opening hours of the bakery", "Bakery: Opening hours") == 1.0
    assert title_match("prices", "Bakery") == 0.0


def test_diversity_prefers_what_is_new():
    cosines = [[1.0, 0.99, 0.1], [0.99, 1.0, 0.1], [0.1, 0.1, 1.0]]
    assert [place for place, _ in diversified([0.9, 0.89, 0.5], cosines, 0.5)] == [0, 2, 1]
    assert [place for place, _ in diversified([0.9, 0.89, 0.5], cosines, 0.0)] == [0, 1, 2]
    evidence = RankingEvidence((), {at + 1: ChunkEvidence(1, {}, row) for at, row in enumerate(cosines)})
    assert kept(ranked(pool_of(*TEXTS[1:]), evidence=evidence, diversity=0.5)) == [1, 3, 2]


def test_nothing_found_is_nothing_ranked():
    assert ranked([]) == []
