"""Short texts into Footnote through its public API."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from footnote.evaluation import CorpusRow
from local.client import ApiClient
from tests.performance.service import wait_for_all


@dataclass(frozen=True)
class Uploaded:
    """What became of the texts.

    Attributes:
        rows: Row id by document id.
        uploaded_s: When the last one was handed over.
        searchable_s: When the last one could be found.
    """

    rows: dict[str, str]
    chunks: int
    uploaded_s: float
    searchable_s: float


def upload_texts(client: ApiClient, rows: Sequence[CorpusRow], clients: int, limit_s: float) -> Uploaded:
    """Announces and uploads one document per row, from some threads, and waits until all are searchable.

    Raises:
        RuntimeError: A text was not ingested: a rate over the rest would not mean what it says.
        TimeoutError: They were not ingested in time.
    """

    def upload(row: CorpusRow) -> str:
        return client.upload(
            row.text.encode(), f"{row.id}.txt", title=row.title or None, content_type="text/plain"
        )

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        ids = list(pool.map(upload, rows))
    uploaded_s = time.perf_counter() - started
    documents = wait_for_all(client, ids, limit_s)
    searchable_s = time.perf_counter() - started
    failed = [document for document in documents.values() if document["status"] != "completed"]
    if failed:
        raise RuntimeError(f"{len(failed)} texts were not ingested, for one: {failed[0].get('failure')}")
    chunks = sum(document["chunk_count"] for document in documents.values())
    return Uploaded(dict(zip(ids, (row.id for row in rows), strict=True)), chunks, uploaded_s, searchable_s)
