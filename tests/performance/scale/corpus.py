"""Chunks in any number, made of real passages: vectors mix two of them, texts recombine their sentences."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from footnote.evaluation import load_dataset
from footnote.knowledge import sentence_spans
from footnote.models import EmbeddingModel
from local.paths import cache_directory
from tests.support.embedding import InProcessEmbedder

SETS = ("squad2", "scifact", "cranfield", "mtrag")
_NOISE = 0.01  # of each of 384 coordinates: a vector of length .2 beside one of length 1
_SENTENCES = 6
_EMBEDDED_AT_ONCE = 64
_CHARACTERS = 1_000

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """Real passages and questions with their vectors.

    Attributes:
        sentences: Of each passage.
        vectors: Of the passages, normalised.
        questions: From all sets in turn.
        question_vectors: Of the questions.
        embedder: What embedded them.
        model: Its name and revision.
    """

    sentences: Sequence[Sequence[str]]
    vectors: Vectors
    questions: Sequence[str]
    question_vectors: Vectors
    embedder: InProcessEmbedder
    model: EmbeddingModel

    async def embed(self, question: str) -> None:
        """Embeds a question as a search does; to be timed."""
        await self.embedder.embed_queries([question])


@dataclass(frozen=True)
class Generated:
    """Consecutive chunks."""

    texts: list[str]
    vectors: Vectors


def load_material(data: Path, passages: int, questions: int) -> Material:
    """Reads and embeds passages and questions, spread over all sets; vectors are kept in the cache folder."""
    sets = [load_dataset(data / name) for name in SETS]
    rows = _in_turn([[row.text for row in one.corpus] for one in sets], passages)
    asked = _in_turn([[query.text for query in one.queries if not query.history] for one in sets], questions)
    embedder = InProcessEmbedder()
    model = asyncio.run(embedder.model())
    return Material(
        [[text[start:end] for start, end in sentence_spans(text)] or [text] for text in rows],
        _embedded(embedder, model, [text[:_CHARACTERS] for text in rows]),
        asked,
        _embedded(embedder, model, asked),
        embedder,
        model,
    )


def generate(material: Material, first: int, count: int, seed: int) -> Generated:
    """Chunks `first` to `first + count`; the same numbers give the same chunks."""
    rng = np.random.default_rng((seed, first))
    one, other = rng.integers(0, len(material.vectors), (2, count))
    share = rng.uniform(0.2, 0.8, (count, 1)).astype(np.float32)
    mixed = share * material.vectors[one] + (1 - share) * material.vectors[other]
    mixed += rng.normal(0, _NOISE, mixed.shape).astype(np.float32)
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    draws = rng.random((count, _SENTENCES))
    texts = []
    for number in range(count):
        pool = (*material.sentences[one[number]], *material.sentences[other[number]])
        texts.append(" ".join(pool[int(draw * len(pool))] for draw in draws[number]))
    return Generated(texts, mixed)


def _in_turn(lists: Sequence[Sequence[str]], count: int) -> list[str]:
    """Every list's share of `count`, evenly spread over it."""
    share = -(-count // len(lists))
    spread = [one[:: max(1, len(one) // share)][:share] for one in lists]
    return [text for texts in spread for text in texts][:count]


def _embedded(embedder: InProcessEmbedder, model: EmbeddingModel, texts: Sequence[str]) -> Vectors:
    digest = hashlib.sha256("\0".join([model.name, model.revision, *texts]).encode()).hexdigest()[:32]
    path = cache_directory() / "scale" / f"{digest}.npy"
    if path.exists():
        return np.load(path)  # type: ignore[no-any-return]
    print(f"embedding {len(texts)} texts ...", flush=True)
    pieces = [texts[at : at + _EMBEDDED_AT_ONCE] for at in range(0, len(texts), _EMBEDDED_AT_ONCE)]

    async def embed() -> list[list[float]]:
        return [vector for piece in pieces for vector in await embedder.embed_passages(piece)]

    vectors = np.array(asyncio.run(embed()), dtype=np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, vectors)
    return vectors
