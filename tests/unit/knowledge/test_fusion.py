"""Fusion of two ranked lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge import Candidate
from footnote.knowledge.fusion import convex, fusion, reciprocal_rank
from footnote.platform.settings import RetrievalSettings

scores = st.floats(-1, 1), st.floats(0, 40)
candidates = st.lists(
    st.builds(Candidate, chunk_id=st.integers(1, 10**6), cosine=scores[0], bm25=scores[1]),
    max_size=30,
    unique_by=lambda candidate: candidate.chunk_id,
)


def ids(fused):
    return [candidate.chunk_id for candidate, _ in fused]


def test_convex_is_the_weighted_sum_of_cosine_and_share_of_the_highest_bm25():
    fused = convex([Candidate(1, cosine=0.5, bm25=10.0), Candidate(2, cosine=0.6, bm25=2.0)], 0.65)
    assert ids(fused) == [1, 2]
    assert fused[0][1] == pytest.approx(0.65 * 0.5 + 0.35)
    assert fused[1][1] == pytest.approx(0.65 * 0.6 + 0.35 * 0.2)


@given(candidates)
def test_convex_scores_lie_between_0_and_1_and_fall(found):
    fused = [score for _, score in convex(found, 0.65)]
    assert all(0 <= score <= 1 + 1e-9 for score in fused)
    assert fused == sorted(fused, reverse=True)
    assert len(fused) == len(found)


@given(candidates)
def test_convex_does_not_depend_on_the_order_of_candidates(found):
    assert convex(found, 0.65) == convex(found[::-1], 0.65)


def test_one_leg_alone_is_its_own_score():
    assert convex([Candidate(1, cosine=0.4)], 0.65) == [(Candidate(1, cosine=0.4), 0.4)]
    lexical = [Candidate(1, bm25=5.0), Candidate(2, bm25=2.5)]
    assert [score for _, score in convex(lexical, 0.65)] == [1.0, 0.5]


def test_without_any_common_word_the_lexical_part_is_0():
    assert convex([Candidate(1, cosine=0.4, bm25=0.0)], 0.65)[0][1] == pytest.approx(0.26)


def test_reciprocal_ranks_are_summed_over_the_legs_that_list_it():
    fused = reciprocal_rank(
        [
            Candidate(1, dense_rank=1),
            Candidate(2, dense_rank=3, lexical_rank=1),
            Candidate(3, lexical_rank=2),
        ],
        60,
    )
    assert fused[0] == (Candidate(2, dense_rank=3, lexical_rank=1), 1 / 63 + 1 / 61)
    assert ids(fused) == [2, 1, 3]


def test_the_settings_choose_the_method():
    found = [
        Candidate(1, cosine=0.9, bm25=0.1, dense_rank=1),
        Candidate(2, cosine=0.8, bm25=3.0, lexical_rank=1),
    ]
    assert fusion(RetrievalSettings())(found) == convex(found, 0.65)
    assert fusion(RetrievalSettings(fusion="rrf"))(found) == reciprocal_rank(found, 60)
    assert fusion(RetrievalSettings(dense_weight=1.0))(found) == convex(found, 1.0)
