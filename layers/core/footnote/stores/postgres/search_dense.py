"""The dense leg: cosine over the organization's vectors, exact or by the organization's own HNSW index.

An index is used only where one is registered for the organization and the query's model, and only through
statements that name both as literals, as its predicate does; rows of nobody else are in it.
"""

# ruff: noqa: S608 - statements are put together from constants, numbers and UUIDs
from __future__ import annotations

from uuid import UUID

from footnote.stores.postgres.search_conditions import Conditions

# So many times as many vectors as wanted are looked at before those of inactive versions are left out.
_SPARE = 4


def from_index(organization_id: UUID, model_id: int, dimension: int, conditions: Conditions) -> str:
    """`dense (chunk_id, score, rank)` by HNSW.

    Versions that are not active, and what filters leave out, are passed over within the scan, which goes on
    until it has enough (`hnsw.iterative_scan`). It may end with fewer than there are: the caller looks.
    """
    distance = f"(v.embedding::halfvec({int(dimension)})) <=> %(vector)s::halfvec({int(dimension)})"
    return _ranked(f"""
        SELECT v.chunk_id, {distance} AS distance
          FROM knowledge.chunk_vectors v
         WHERE v.organization_id = '{UUID(str(organization_id))}' AND v.embedding_model_id = {int(model_id)}
           AND {conditions.allow("v", is_active=False)}
         ORDER BY {distance} LIMIT %(limit)s""")


def from_scan(conditions: Conditions, *, is_complete: bool) -> str:
    """`dense` from every vector of the organization; the expression fits no index.

    Args:
        conditions: Checked from the nearest on, until there are enough.
        is_complete: Otherwise only the nearest few times `limit` are checked; the caller looks whether that
            was enough.
    """
    nearest = "OFFSET 0" if is_complete else f"LIMIT {_SPARE} * %(limit)s"
    return _ranked(f"""
        SELECT v.chunk_id, v.distance
          FROM (SELECT x.chunk_id, x.document_id, x.version, x.embedding <=> %(vector)s::halfvec AS distance
                  FROM knowledge.chunk_vectors x
                 WHERE x.organization_id = %(organization_id)s AND x.embedding_model_id = %(model_id)s
                 ORDER BY distance, chunk_id {nearest}) v
         WHERE {conditions.allow("v", is_active=False)} LIMIT %(limit)s""")


def from_eligible() -> str:
    """`dense`, every chunk of `eligible`."""
    return _ranked("""
        SELECT e.chunk_id, v.distance
          FROM eligible e
         CROSS JOIN LATERAL (
             SELECT x.embedding <=> %(vector)s::halfvec AS distance FROM knowledge.chunk_vectors x
              WHERE x.organization_id = %(organization_id)s AND x.chunk_id = e.chunk_id
                AND x.embedding_model_id = %(model_id)s OFFSET 0) v
         ORDER BY v.distance, e.chunk_id LIMIT %(limit)s""")


def _ranked(nearest: str) -> str:
    # An index scan gives its rows only nearly in order; `0 +` keeps the planner from taking them for sorted.
    return f"""compared AS MATERIALIZED ({nearest}
    ), dense AS MATERIALIZED (
        SELECT chunk_id, 1 - distance AS score, row_number() OVER (ORDER BY 0 + distance, chunk_id) AS rank
          FROM compared
    )"""
