"""Features of candidates, against vectors and words that are known."""

import math
from dataclasses import replace
from uuid import UUID

import pytest

from footnote.knowledge import Candidate
from footnote.knowledge.ranking.evidence import ChunkEvidence, QueryTerm, RankingEvidence
from footnote.knowledge.ranking.features import FEATURES, LEADERS, OWN, Contender, feature_columns
from tests.support.passages import make_passage

PASSAGE = make_passage("The lighthouse was built in 1912.", title="Farol")
TERMS = (QueryTerm("lighthous", (1,), 2.0), QueryTerm("built", (3,), 1.0), QueryTerm("farol", (5,), 3.0))


def unit(*values):
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


def dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


QUERY = unit(1, 0.2, 0.1)
VECTORS = [unit(1, 0.1, 0), unit(0.8, 0.6, 0), unit(0.2, 1, 0.3), unit(0, 0.1, 1)]


@pytest.fixture
def pool():
    return [
        Contender(
            Candidate(at, cosine=dot(QUERY, vector), bm25=float(6 - at), dense_rank=at, lexical_rank=at),
            fused=1.0 - at / 10,
            passage=replace(PASSAGE, chunk_id=at, document_id=UUID(int=at % 2)),
            sentence=0.9 if at == 2 else None,
        )
        for at, vector in enumerate(VECTORS, start=1)
    ]


@pytest.fixture
def evidence():
    places = [{0: [1, 9], 1: [2], 2: [30]}, {0: [4]}, {1: [7], 2: [8]}, {}]
    return RankingEvidence(
        TERMS,
        {
            at: ChunkEvidence(40, places[at - 1], [dot(vector, leader) for leader in VECTORS])
            for at, vector in enumerate(VECTORS, start=1)
        },
    )


def test_every_feature_has_a_value_for_everybody(pool, evidence):
    columns = feature_columns("When was the lighthouse of Farol built in 1912?", pool, evidence)
    assert set(columns) == set(FEATURES)
    assert {len(values) for values in columns.values()} == {len(pool)}
    for name in OWN:
        best = max(columns[name])
        assert columns[f"{name}-best"] == [value - best for value in columns[name]]


def test_words_count_by_their_rarity(pool, evidence):
    columns = feature_columns("lighthouse built farol", pool, evidence)
    assert columns["coverage"] == pytest.approx([1.0, 2 / 6, 4 / 6, 0.0])
    assert columns["window"] == pytest.approx([5 / 6, 2 / 6, 4 / 6, 0.0])  # 9 and 30, but not 2 and 30
    assert columns["together"] == pytest.approx([1.5 / 3.5, 0.0, 2.0 / 3.5, 0.0])
    assert columns["bm25_of_best"] == pytest.approx([1.0, 4 / 5, 3 / 5, 2 / 5])


def test_feedback_and_centre_equal_those_of_the_vectors_themselves(pool, evidence):
    columns = feature_columns("lighthouse", pool, evidence)
    moved = unit(*(q + 0.5 * sum(v[i] for v in VECTORS[:3]) / 3 for i, q in enumerate(QUERY)))
    weights = [math.exp(10 * (one.fused - pool[0].fused)) for one in pool[:LEADERS]]
    centre = unit(*(sum(w * v[i] for w, v in zip(weights, VECTORS, strict=True)) for i in range(3)))
    assert columns["feedback"] == pytest.approx([dot(moved, vector) for vector in VECTORS])
    assert columns["centroid"] == pytest.approx([dot(centre, vector) for vector in VECTORS])


def test_siblings_are_other_chunks_of_the_document(pool, evidence):
    columns = feature_columns("lighthouse", pool, evidence)
    assert columns["sibling"] == pytest.approx([0.7, 0.6, 0.9, 0.8])
    assert columns["siblings"] == [0.5] * 4


def test_a_question_is_told_by_its_mark(pool, evidence):
    assert feature_columns("Was Farol built?", pool, evidence)["query.is_question"] == [1.0] * 4
    assert feature_columns("Farol", pool, evidence)["query.is_question"] == [0.0] * 4


def test_a_chunk_without_sentence_vectors_has_its_own(pool, evidence):
    columns = feature_columns("lighthouse", pool, evidence)
    assert columns["sentence"][1] == 0.9
    assert columns["sentence"][0] == pytest.approx(pool[0].candidate.cosine)


def test_one_candidate_without_a_known_word_is_enough(pool):
    lone = RankingEvidence((), {1: ChunkEvidence(0, {}, [1.0])})
    columns = feature_columns("?", pool[:1], lone)
    assert all(math.isfinite(value) for values in columns.values() for value in values)
