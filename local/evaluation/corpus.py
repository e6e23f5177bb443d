"""Puts the corpus of a judged set into an organization made for it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from footnote.evaluation import CorpusRow
from local.client import ApiClient
from local.evaluation.work import Progress, each

Json = dict[str, Any]

_UPLOADERS = 8
_PAGE = 100
_TITLE_CHARACTERS = 1000
_NAME_CHARACTERS = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Corpus:
    """What became of a corpus.

    Attributes:
        account: E-mail and password of the member whose organization holds it.
        rows: Corpus rows by document id; several where texts are equal.
        failures: Documents that could not be read, in words.
        seconds: Until the last document was searchable.
    """

    account: tuple[str, str]
    rows: dict[str, list[str]]
    documents: int
    failures: list[str]
    chunks: int
    seconds: float


def ingest(client: ApiClient, rows: Sequence[CorpusRow], progress: Progress, timeout_s: float) -> Corpus:
    """Uploads every row as a document and waits for the last one.

    A document that fails is reported and counts as not found.

    Raises:
        TimeoutError: The corpus was not ingested in time.
    """
    started = time.monotonic()
    by_document: dict[str, list[str]] = {}
    uploaded = each("uploading", rows, lambda row: _upload(client, row), _UPLOADERS, progress)
    for row, document_id in zip(rows, uploaded, strict=True):
        by_document.setdefault(document_id, []).append(row.id)
    documents = _wait(client, len(by_document), progress, timeout_s)
    seconds = time.monotonic() - started
    _tie_duplicates(client, by_document, documents)
    failures = [_failure(document) for document in documents if document["status"] != "completed"]
    chunks = sum(document["chunk_count"] for document in documents)
    return Corpus(client.account, by_document, len(rows), failures, chunks, seconds)


def _upload(client: ApiClient, row: CorpusRow) -> str:
    title = " ".join(row.title.split())[:_TITLE_CHARACTERS]
    text = row.text if row.text.strip() else row.title
    filename = f"{_UNSAFE.sub('_', row.id)[:_NAME_CHARACTERS]}.txt"
    return client.upload(
        text.encode(), filename, title=title or None, content_type="text/plain; charset=utf-8"
    )


def _wait(client: ApiClient, expected: int, progress: Progress, timeout_s: float) -> list[Json]:
    """All listed documents, once none is on its way any more."""
    deadline = time.monotonic() + timeout_s
    while True:
        documents = list(_documents(client))
        open_ones = sum(document["status"] in {"pending", "processing"} for document in documents)
        progress("ingesting", expected - open_ones, expected)
        if not open_ones:
            return documents
        if time.monotonic() > deadline:
            raise TimeoutError(f"{open_ones} of {expected} documents are still on their way")
        time.sleep(_POLL_S)


def _documents(client: ApiClient) -> Iterator[Json]:
    cursor: str | None = None
    while True:
        query = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
        page = client.documents(**query)
        yield from page["documents"]
        cursor = page.get("next_cursor")
        if cursor is None:
            return


def _tie_duplicates(client: ApiClient, rows: dict[str, list[str]], documents: Iterable[Json]) -> None:
    """Rows of equal text are one document: all of them are found when it is."""
    listed = {document["id"] for document in documents}
    for document_id in [one for one in rows if one not in listed]:
        original = client.document(document_id)["duplicate_of"]
        rows.setdefault(original, []).extend(rows.pop(document_id))


def _failure(document: Json) -> str:
    reason = (document.get("failure") or {}).get("reason")
    return f"{document['filename']}: {reason or document['status']}"
