"""Which chunks count: metadata filters on documents and text constraints on chunks, as SQL."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from footnote.knowledge.models import SearchFilters, TextConstraints
from footnote.stores.postgres.database import Cursor
from footnote.stores.postgres.lexical_index import OWN_ANALYSIS, analysis

# Which of the languages that are analysed in a way of their own the organization has texts in.
_LANGUAGES = """
    SELECT code FROM unnest(%(codes)s::text[]) AS code
     WHERE EXISTS (SELECT FROM knowledge.documents d
                    WHERE d.organization_id = %(organization_id)s AND d.language = code)
        OR EXISTS (SELECT FROM knowledge.chunks c
                    WHERE c.organization_id = %(organization_id)s AND c.language = code)
"""
# Each constraint in each language, as a tsquery that holds if the English or the native analysis matches; one
# whose words are all too common to be indexed gives none. Beside them, of the rarest phrase that demands
# something in every language, the words that a chunk must have one of.
_COMPILE = """
    WITH form AS MATERIALIZED (
        SELECT f.*, CASE WHEN f.kind = 'title' THEN plainto_tsquery('english', f.common)
                         ELSE phraseto_tsquery('english', f.common) END AS plain_query,
               CASE WHEN f.configuration IS NULL THEN ''::tsquery
                    WHEN f.kind = 'title' THEN plainto_tsquery(f.configuration::regconfig, f.native)
                    ELSE phraseto_tsquery(f.configuration::regconfig, f.native) END AS native_query
          FROM jsonb_to_recordset(%(forms)s::jsonb)
               AS f (kind text, number int, language text, common text, native text, configuration text)
    ), test AS (
        SELECT language, kind, '(' || CASE WHEN numnode(native_query) = 0 THEN plain_query
                                           WHEN numnode(plain_query) = 0 THEN native_query
                                           ELSE plain_query || native_query END::text || ')' AS condition
          FROM form WHERE numnode(plain_query) + numnode(native_query) > 0
    ), demanded AS (
        SELECT number FROM form WHERE kind = 'phrase'
         GROUP BY number HAVING bool_and(numnode(plain_query) + numnode(native_query) > 0)
    ), spelled AS (
        SELECT number, tsvector_to_array(to_tsvector('english', common)) AS terms FROM form
         WHERE kind = 'phrase'
         UNION
        SELECT number, tsvector_to_array(to_tsvector(configuration::regconfig, native)) FROM form
         WHERE kind = 'phrase' AND configuration IS NOT NULL
    ), rarest AS (
        SELECT number, r.term_id, r.document_frequency
          FROM demanded JOIN spelled s USING (number)
         CROSS JOIN LATERAL (
             SELECT l.term_id, coalesce(l.document_frequency, 0) AS document_frequency
               FROM unnest(s.terms) AS word (term)
               LEFT JOIN LATERAL (
                   SELECT x.term_id, x.document_frequency FROM knowledge.lexicon x
                    WHERE x.organization_id = %(organization_id)s AND x.term = word.term OFFSET 0) l ON true
              ORDER BY 2 LIMIT 1) r
    ), phrase AS (
        SELECT sum(document_frequency) AS chunks,
               coalesce(array_agg(term_id) FILTER (WHERE document_frequency > 0), '{}') AS term_ids
          FROM rarest GROUP BY number ORDER BY 1 LIMIT 1
    )
    SELECT t.language,
           string_agg(CASE WHEN t.kind = 'excluded' THEN '!' ELSE '' END || t.condition, ' & ')
               FILTER (WHERE t.kind <> 'title') AS text_query,
           string_agg(t.condition, ' & ') FILTER (WHERE t.kind = 'title') AS title_query,
           (SELECT chunks::bigint FROM phrase) AS phrase_chunks, (SELECT term_ids FROM phrase) AS phrase_terms
      FROM test t GROUP BY t.language
"""
_ANY_LANGUAGE = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a chunk must fulfil beside being of an active version.

    Attributes:
        documents: On `knowledge.documents d`; empty or beginning with ` AND `.
        chunks: On `knowledge.chunks c`, as `documents`.
        values: Of the placeholders in both.
        phrase_terms: Every chunk that fulfils them holds one of these terms; `None` if nothing is known.
        phrase_chunks: How many chunks hold one of them, at most.
    """

    documents: str = ""
    chunks: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    phrase_terms: tuple[int, ...] | None = None
    phrase_chunks: int = 0

    def __bool__(self) -> bool:
        return bool(self.documents or self.chunks)

    def allow(self, row: str, *, is_active: bool) -> str:
        """A condition on a row with `chunk_id` and `document_id`, looked up row by row.

        Args:
            row: The row's alias in the statement.
            is_active: Whether the row is known to be of its document's active version; else it has `version`.
        """
        parts = []
        if self.documents or not is_active:
            version = "" if is_active else f" AND d.active_version = {row}.version"
            parts.append(f"""(SELECT true FROM knowledge.documents d
                WHERE d.organization_id = %(organization_id)s AND d.document_id = {row}.document_id
                {version}{self.documents}) IS TRUE""")
        if self.chunks:
            parts.append(f"""(SELECT true FROM knowledge.chunks c
                WHERE c.organization_id = %(organization_id)s AND c.chunk_id = {row}.chunk_id
                {self.chunks}) IS TRUE""")
        return " AND ".join(parts) or "true"


async def compile_conditions(
    cursor: Cursor, names: dict[str, Any], filters: SearchFilters, constraints: TextConstraints
) -> Conditions:
    """Turns filters and constraints into SQL; asks the database only for what words there are to compare.

    Args:
        cursor: Of the snapshot.
        names: `organization_id`.
        filters: On the documents' metadata.
        constraints: On words.
    """
    documents, values = filter_conditions(filters)
    chunks = ""
    if filters.language is not None:
        chunks = " AND c.language = %(language)s"
        values["language"] = filters.language
    for number, part in enumerate(part for part in constraints.filename if part.strip()):
        documents += f" AND strpos(lower(d.filename), lower(%(filename_{number})s)) > 0"
        values[f"filename_{number}"] = part.strip()
    if not (constraints.phrases or constraints.excluded or constraints.title):
        return Conditions(documents, chunks, values)
    rows = await _compile(cursor, names, constraints)
    chunks += _by_language("c.lexemes", "c.language", "text", rows, values)
    documents += _by_language("d.title_lexemes", "d.language", "title", rows, values)
    terms = rows[0]["phrase_terms"] if rows else None
    return Conditions(
        documents,
        chunks,
        values,
        None if terms is None else tuple(terms),
        rows[0]["phrase_chunks"] or 0 if rows else 0,
    )


async def _compile(
    cursor: Cursor, names: dict[str, Any], constraints: TextConstraints
) -> list[dict[str, Any]]:
    await cursor.execute(_LANGUAGES, {**names, "codes": list(OWN_ANALYSIS)})
    languages = [_ANY_LANGUAGE, *(row["code"] for row in await cursor.fetchall())]
    forms = [
        {"kind": kind, "number": number, "language": language, **analysis(text, language)}
        for language in languages
        for kind, texts in _texts(constraints)
        for number, text in enumerate(texts)
    ]
    await cursor.execute(_COMPILE, {**names, "forms": json.dumps(forms, ensure_ascii=False)})
    return await cursor.fetchall()


def _texts(constraints: TextConstraints) -> Iterable[tuple[str, Sequence[str]]]:
    return (
        ("phrase", constraints.phrases),
        ("excluded", constraints.excluded),
        ("title", constraints.title),
    )


def _by_language(
    words: str, language: str, kind: str, rows: Sequence[dict[str, Any]], values: dict[str, Any]
) -> str:
    """The condition that `words` match the query of their row's language; empty without a query."""
    queries = {row["language"]: row[f"{kind}_query"] for row in rows if row[f"{kind}_query"]}
    if not queries:
        return ""
    common = queries.pop(_ANY_LANGUAGE, None)
    values[f"{kind}_query"] = common
    cases = ""
    for number, (code, query) in enumerate(sorted(queries.items())):
        if query == common:
            continue
        values |= {f"{kind}_language_{number}": code, f"{kind}_query_{number}": query}
        cases += f" WHEN {language} = %({kind}_language_{number})s"
        cases += f" THEN {words} @@ %({kind}_query_{number})s::tsquery"
    otherwise = f"coalesce({words} @@ %({kind}_query)s::tsquery, true)"
    return f" AND CASE{cases} ELSE {otherwise} END" if cases else f" AND {otherwise}"


def filter_conditions(filters: SearchFilters) -> tuple[str, dict[str, Any]]:
    """SQL conditions on `knowledge.documents d`, and their values; empty where everything passes."""
    conditions = {
        "category": ("d.category = %(category)s", filters.category),
        "tags": ("d.tags @> %(tags)s", list(filters.tags) or None),
        "source": ("d.source = %(source)s", filters.source),
        "date_from": ("d.created_at >= %(date_from)s", filters.date_from),
        "date_to": ("d.created_at <= %(date_to)s", filters.date_to),
        "document_ids": ("d.document_id = ANY(%(document_ids)s)", list(filters.document_ids) or None),
    }
    used = {name: (sql, value) for name, (sql, value) in conditions.items() if value is not None}
    return "".join(f" AND {sql}" for sql, _ in used.values()), {
        name: value for name, (_, value) in used.items()
    }
