"""The measurement of search at scale, on a scale of a few hundred."""

import numpy as np
import psycopg
import pytest

from footnote.models import EmbeddingModel
from footnote.platform.settings import RetrievalSettings
from tests.performance.scale.corpus import Material, generate
from tests.performance.scale.loading import Loader
from tests.performance.scale.measuring import recall
from tests.performance.scale.report import plot, render
from tests.performance.scale.run import Bench

DIMENSION = 384
SETTINGS = RetrievalSettings(vector_index_from=400, vector_index_until=200, hnsw_build_workers=0)


MODEL = EmbeddingModel("none", "1", DIMENSION)


class Nowhere:
    """An embedder whose vectors all point the same way."""

    async def model(self):
        return MODEL

    async def embed_queries(self, texts):
        return [[1.0] + [0.0] * (DIMENSION - 1) for _ in texts]


def normalised(rng, count):
    vectors = rng.normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def material():
    rng = np.random.default_rng(1)
    words = [f"word{number}" for number in range(300)]
    sentences = [[" ".join(rng.choice(words, 8)) + "." for _ in range(5)] for _ in range(50)]
    questions = [" ".join(rng.choice(words, 3)) for _ in range(12)]
    vectors, asked = normalised(rng, 50), normalised(rng, 12)
    return Material(sentences, vectors, questions, asked, Nowhere(), MODEL)


def test_generated_chunks_repeat_and_differ(material):
    first, again, other = (generate(material, place, 20, 3) for place in (0, 0, 20))
    assert first.texts == again.texts
    assert np.array_equal(first.vectors, again.vectors)
    assert first.texts != other.texts
    assert np.allclose(np.linalg.norm(first.vectors, axis=1), 1, atol=1e-5)


def test_what_is_generated_is_what_is_stored(material, migrated_database):
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        loaded = Loader(connection, material, SETTINGS).load(9, 37)
        rows = connection.execute(
            "SELECT c.text, v.embedding::text FROM knowledge.chunks c"
            " JOIN knowledge.chunk_vectors v USING (organization_id, chunk_id, document_id, version)"
            " JOIN knowledge.documents d USING (organization_id, document_id)"
            " WHERE c.organization_id = %s AND d.active_version = c.version ORDER BY c.chunk_id",
            (loaded.organization_id,),
        ).fetchall()
    expected = generate(material, 0, 37, 9)
    assert [text for text, _ in rows] == expected.texts
    stored = np.array([[float(value) for value in vector[1:-1].split(",")] for _, vector in rows])
    assert np.allclose(stored, expected.vectors, atol=1e-3)


def test_small_and_large_organizations_are_measured(material, migrated_database, tmp_path):
    bench = Bench(migrated_database, material, SETTINGS)
    small, large = bench.single(1, 250), bench.single(2, 1000)
    many = bench.many(3, 60)
    bench.close()
    assert small["vector_index_bytes"] is None
    assert large["vector_index_bytes"] > 0
    for run in (small, large, many):
        for found in run["filters"].values():
            assert found["recall"] >= 0.9
            assert found["short"] == 0
    assert small["filters"]["none"]["recall"] == 1.0
    assert large["shared_index"]["rows"] <= 10
    figures = {"questions": 12, "seconds": 1.0, "single": [small, large], "many": [many]}
    text = render(figures)
    assert all(title in text for title in ("| 1,000, 10 % ", "| 3 x 60 ", "bytes a posting"))
    plot(figures, tmp_path / "figures.svg")
    assert (tmp_path / "figures.svg").read_text().startswith("<?xml")


def test_recall_is_the_share_of_the_exact_lists():
    assert recall([[1, 2], [3]], [[2, 4], [3]]) == 0.75
    assert recall([[]], [[]]) == 1.0
