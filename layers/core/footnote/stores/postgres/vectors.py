"""Vectors on their way into the database."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.models.ports import EmbeddingModel
from footnote.stores.postgres.database import Cursor

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


async def find_model(cursor: Cursor, model: EmbeddingModel) -> int | None:
    """The number of a model that has vectors here, or `None`."""
    await cursor.execute(_FIND, _names(model))
    row = await cursor.fetchone()
    return int(row["embedding_model_id"]) if row else None


async def register_model(cursor: Cursor, model: EmbeddingModel) -> int:
    """The number of a model, new or known."""
    number = await find_model(cursor, model)
    if number is None:
        await cursor.execute(_ADD, _names(model))
        number = await find_model(cursor, model)
    assert number is not None
    return number


def _names(model: EmbeddingModel) -> dict[str, object]:
    return {"name": model.name, "revision": model.revision, "dimension": model.dimension}
