"""Organizations of random vectors, put into the index through the real stores."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from uuid import UUID

from footnote.knowledge import ChunkDraft
from footnote.models import PassageVectors
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import IngestionSettings, RetrievalSettings
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.ingestion import PostgresIngestionStore
from tests.support.corpus import Indexed, activate
from tests.support.ingestion import DIMENSION, MODEL


def random_vector(rng: random.Random) -> list[float]:
    """A unit vector of any direction: the hardest case for an approximate index."""
    values = [rng.gauss(0, 1) for _ in range(DIMENSION)]
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]


def chunked(title: str, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> Indexed:
    """A document with one chunk for each text."""
    drafts: list[ChunkDraft] = []
    start = 0
    for ordinal, text in enumerate(texts):
        drafts.append(ChunkDraft(ordinal, start, start + len(text), text, f"{title}. {text}", 8))
        start += len(text) + 1
    return Indexed(title, "\n".join(texts), "en", drafts, [PassageVectors(vector, ()) for vector in vectors])


async def fill(
    database: Database,
    context: OrganizationContext,
    *,
    documents: int,
    chunks: int = 5,
    seed: int = 1,
) -> dict[UUID, list[list[float]]]:
    """Makes `documents` of `chunks` each; the vectors of each document."""
    rng = random.Random(seed)
    store = PostgresIngestionStore(database, IngestionSettings(), RetrievalSettings())
    filled: dict[UUID, list[list[float]]] = {}
    for number in range(documents):
        vectors = [random_vector(rng) for _ in range(chunks)]
        texts = [f"Otter number {number} on page {page}." for page in range(chunks)]
        document_id = await activate(store, MODEL, context, chunked(f"Report {number}", texts, vectors))
        filled[document_id] = vectors
    return filled
