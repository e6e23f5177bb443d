"""Cosines of the sentences of chosen chunks: only these chunks' vectors are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footnote.knowledge.ports import DenseQuery
from footnote.models.ports import SentenceScore
from footnote.stores.postgres.vectors import vector_literal

COSINES = """
    SELECT s.organization_id, s.chunk_id, s.starts, s.ends,
           ARRAY(SELECT (1 - (v.vector <=> q.vector))::real
                   FROM unnest(s.vectors) WITH ORDINALITY AS v (vector, place)
                  CROSS JOIN unnest(%(vectors)s::text[]::halfvec[]) WITH ORDINALITY AS q (vector, place)
                  ORDER BY v.place, q.place) AS cosines
      FROM knowledge.chunk_sentences s JOIN knowledge.embedding_models m USING (embedding_model_id)
     WHERE s.organization_id = %(organization_id)s AND s.chunk_id = ANY(%(chunk_ids)s)
       AND m.name = %(model)s AND m.revision = %(revision)s
"""


def values(chunk_ids: Sequence[int], queries: Sequence[DenseQuery]) -> dict[str, Any]:
    """What `COSINES` is asked with.

    Raises:
        ValueError: The vectors are of several models.
    """
    model = queries[0].model
    if any(query.model != model for query in queries):
        raise ValueError("sentences are compared with vectors of one model at a time")
    return {
        "chunk_ids": list(chunk_ids),
        "vectors": [vector_literal(query.vector) for query in queries],
        "model": model.name,
        "revision": model.revision,
    }


def scores(row: dict[str, Any], queries: int) -> tuple[SentenceScore, ...]:
    """The sentences of one row of `COSINES`."""
    cosines: list[float] = row["cosines"]
    return tuple(
        SentenceScore(start, end, tuple(cosines[place * queries : (place + 1) * queries]))
        for place, (start, end) in enumerate(zip(row["starts"], row["ends"], strict=True))
    )
