"""Vectors on their way into the database."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from psycopg.adapt import Dumper
from psycopg.pq import Format

from footnote.models.ports import EmbeddingModel
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Cursor, Database

_NO_ELEMENTS = struct.pack(">iiI", 0, 0, 0)
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


class HalfVectors(bytes):
    """The binary form of `halfvec[]`: writing and reading the text of many vectors takes far longer.

    An array is its dimensions, flags, the type of the elements, length and lower bound, then each element
    with its size. The type is pgvector's, whose number differs from database to database: the server takes
    the one that the cast names. An element is its dimension, two unused bytes and the numbers.
    """

    @classmethod
    def of(cls, vectors: Sequence[Sequence[float]]) -> HalfVectors:
        """Unit vectors of equal dimension."""
        if not vectors:
            return cls(_NO_ELEMENTS)
        dimension = len(vectors[0])
        element = struct.Struct(f">iHH{dimension}e")
        size = element.size - 4
        parts = [element.pack(size, dimension, 0, *vector) for vector in vectors]
        return cls(struct.pack(">iiIii", 1, 0, 0, len(vectors), 1) + b"".join(parts))


class HalfVectorsDumper(Dumper):
    """Hands `HalfVectors` over as they are, of a type that the statement says."""

    format = Format.BINARY

    def dump(self, obj: HalfVectors) -> bytes:
        return obj


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
