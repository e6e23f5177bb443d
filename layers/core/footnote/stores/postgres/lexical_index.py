"""The BM25 index: which words a text has, and the postings and statistics of the active versions.

Statistics (chunks, total length, document frequencies) are exact: they change only in the transaction that
switches or removes a version, under a lock of the organization's row in `knowledge.corpora`.
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from typing import Any
from uuid import UUID

from footnote.knowledge.language import without_function_words
from footnote.knowledge.lexical import lexical_form
from footnote.stores.postgres.database import Cursor

# Languages whose words PostgreSQL knows how to reduce to their stems. Every text is analysed as English too:
# names, numbers and quotations are shared, and a short query's language is often guessed wrong.
CONFIGURATIONS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

# Words of both analyses; one that both find counts once, with its English frequency.
LEXEMES = """
    CASE WHEN {0}.configuration IS NULL THEN {0}.plain
         ELSE {0}.plain || ts_delete(to_tsvector({0}.configuration::regconfig, {0}.native),
                                     tsvector_to_array({0}.plain)) END"""


def analysis(text: str, language: str) -> dict[str, str | None]:
    """What the database analyses: `common` as English, `native` with `configuration` if that is not null."""
    configuration = CONFIGURATIONS.get(language)
    native = lexical_form(text, fold_accents=False) if configuration else None
    common = lexical_form(without_function_words(text, language))
    return {"common": common, "native": native, "configuration": configuration}


_LOCK = "SELECT FROM knowledge.corpora WHERE organization_id = %(organization_id)s FOR UPDATE"
_CREATE = (
    "INSERT INTO knowledge.corpora (organization_id) VALUES (%(organization_id)s) ON CONFLICT DO NOTHING"
)


async def lock_corpus(cursor: Cursor, organization_id: UUID) -> None:
    """Makes this transaction the only one that changes the organization's index.

    Every transaction that locks several kinds of rows takes them in this order, so that none waits for the
    other: corpora, documents, object states, versions.
    """
    names = {"organization_id": organization_id}
    await cursor.execute(_LOCK, names)
    if await cursor.fetchone() is None:
        await cursor.execute(_CREATE, names)
        await cursor.execute(_LOCK, names)


# The statements below leave the planner no choice between joins: right after a bulk load its statistics are
# those of an empty table, and a wrong guess would cost seconds.
_CHUNK = """
    chunk AS MATERIALIZED (
        SELECT chunk_id, lexemes, lexical_length FROM knowledge.chunks
         WHERE organization_id = %(organization_id)s
           AND document_id = %(document_id)s AND version = %(version)s
    )"""
_COUNT = f"""
    WITH {_CHUNK}, corpus AS (
        UPDATE knowledge.corpora
           SET chunk_count = chunk_count + %(sign)s * changed.chunks,
               total_length = total_length + %(sign)s * changed.length, corpus_version = corpus_version + 1
          FROM (SELECT count(*) AS chunks, coalesce(sum(lexical_length), 0) AS length FROM chunk) changed
         WHERE organization_id = %(organization_id)s
    )
    INSERT INTO knowledge.lexicon AS l (organization_id, term, document_frequency)
    SELECT %(organization_id)s, w.lexeme, count(*) FROM chunk c, unnest(c.lexemes) AS w GROUP BY w.lexeme
    ON CONFLICT (organization_id, term) DO UPDATE
        SET document_frequency = l.document_frequency + %(sign)s * excluded.document_frequency
"""
# Impact: a term's part of BM25 without its idf, tf (k1 + 1) / (tf + k1 (1 - b + b length / average length)).
_ADD_POSTINGS = f"""
    WITH {_CHUNK}
    INSERT INTO knowledge.postings (organization_id, term_id, chunk_id, frequency, length, impact)
    SELECT %(organization_id)s, l.term_id, c.chunk_id, w.frequency, c.lexical_length,
           w.frequency * (%(k1)s + 1)
           / (w.frequency + %(k1)s * (1 - %(b)s + %(b)s * c.lexical_length / corpus.average_length))
      FROM (SELECT total_length / chunk_count::float8 AS average_length FROM knowledge.corpora
             WHERE organization_id = %(organization_id)s AND chunk_count > 0 AND total_length > 0) corpus
     CROSS JOIN chunk c
     CROSS JOIN LATERAL (SELECT lexeme, cardinality(positions) AS frequency FROM unnest(c.lexemes)) w
     CROSS JOIN LATERAL (
         SELECT term_id FROM knowledge.lexicon
          WHERE organization_id = %(organization_id)s AND term = w.lexeme OFFSET 0) l
"""
_REMOVE_POSTINGS = """
    DELETE FROM knowledge.postings
     WHERE organization_id = %(organization_id)s AND chunk_id = ANY (ARRAY(
         SELECT chunk_id FROM knowledge.chunks
          WHERE organization_id = %(organization_id)s
            AND document_id = %(document_id)s AND version = %(version)s))
"""
_REMOVE_UNUSED = """
    DELETE FROM knowledge.lexicon
     WHERE organization_id = %(organization_id)s AND term = ANY(%(terms)s) AND document_frequency = 0
"""


async def add_version(
    cursor: Cursor, organization_id: UUID, document_id: UUID, version: int, *, k1: float, b: float
) -> None:
    """Indexes the stored chunks of a version. The caller holds the corpus's lock."""
    names = _names(organization_id, document_id, version)
    await cursor.execute(_COUNT, {**names, "sign": 1})
    await cursor.execute(_ADD_POSTINGS, {**names, "k1": k1, "b": b})


async def remove_version(cursor: Cursor, organization_id: UUID, document_id: UUID, version: int) -> None:
    """Takes an indexed version out of the index. The caller holds the corpus's lock."""
    names = _names(organization_id, document_id, version)
    await cursor.execute(_REMOVE_POSTINGS, names)
    await cursor.execute(_COUNT + " RETURNING term, document_frequency", {**names, "sign": -1})
    unused = [row["term"] for row in await cursor.fetchall() if row["document_frequency"] == 0]
    if unused:
        await cursor.execute(_REMOVE_UNUSED, {"organization_id": organization_id, "terms": unused})


def _names(organization_id: UUID, document_id: UUID, version: int) -> dict[str, Any]:
    return {"organization_id": organization_id, "document_id": document_id, "version": version}
