"""Vectors on their way into the database."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.models.ports import EmbeddingModel
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Cursor, Database

_FIND = """
    SELECT embedding_model_id FROM knowledge.embedding_models
     WHERE name = %(name)s AND revision = %(revision)s
"""
_ADD = """
    INSERT INTO knowledge.embedding_models (name, revision, dimension)
    VALUES (%(name)s, %(revision)s, %(dimension)s) ON CONFLICT (name, revision) DO NOTHING
"""


def vector_literal(vector: Sequence[float]) -> str:
    """The text form of pgvector. Six digits are twice what a half-precision number keeps."""
    return "[" + ",".join([f"{value:.6g}" for value in vector]) + "]"


def vectors_literal(vectors: Sequence[Sequence[float]]) -> str:
    """The text form of an array of vectors; with four digits the error of a cosine stays below 1e-4.

    There are several of them for each chunk: one format for all numbers takes half the time of one for each.
    """
    if not vectors:
        return "{}"
    form = ",".join(["%.4f"] * len(vectors[0]))
    return "{" + ",".join([f'"[{form % tuple(vector)}]"' for vector in vectors]) + "}"


class EmbeddingModels:
    """The models whose vectors are stored. A number, once given, never changes, so it is remembered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[EmbeddingModel, int] = {}

    async def number(self, context: OrganizationContext, model: EmbeddingModel) -> int:
        """The number that stands for `model` beside its vectors; a new model gets one."""
        if model not in self._numbers:
            # In a transaction of its own: a number that is rolled back must not be remembered.
            async with self._database.tenant_tx(context, background=True) as cursor:
                number = await _register(cursor, model)
            self._numbers[model] = number
        return self._numbers[model]


async def _register(cursor: Cursor, model: EmbeddingModel) -> int:
    names = {"name": model.name, "revision": model.revision, "dimension": model.dimension}
    await cursor.execute(_FIND, names)
    row = await cursor.fetchone()
    if row is None:
        await cursor.execute(_ADD, names)
        await cursor.execute(_FIND, names)
        row = await cursor.fetchone()
    assert row is not None
    return int(row["embedding_model_id"])
