"""Runs a judged set against a running stack, in an organization made for it and used once."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from footnote.evaluation import CorpusRow, Dataset, EvaluationQuery
from local.client import ApiClient
from local.evaluation.report import AnswerOutcome, Report, SearchOutcome

Json = dict[str, Any]
Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and how much there is."""

STRATEGIES = ("hybrid", "lexical", "vector")
HISTORY_TURNS = 6
"""Earlier turns sent along; the product's own limit (`ChatSettings.history_turns`)."""

_UPLOADERS = 8
_ASKERS = 2
_SEARCH_LIMIT = 50
_DEPTH = 10
_PAGE = 100
_TITLE_CHARACTERS = 1000
_NAME_CHARACTERS = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_POLL_S = 0.5

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Corpus:
    """What became of the corpus: rows by document id, failures in words, and how long it took."""

    rows: dict[str, list[str]]
    failures: list[str]
    chunks: int
    seconds: float


class Evaluation:
    """One run.

    Args:
        client: Speaks to the stack; the run registers its own account with it.
        progress: Told how far it is.
        ingestion_timeout_s: Longest wait for the whole corpus.
    """

    def __init__(
        self,
        client: ApiClient,
        progress: Progress = lambda *_: None,
        ingestion_timeout_s: float = 3600.0,
    ) -> None:
        self._client = client
        self._progress = progress
        self._timeout_s = ingestion_timeout_s

    def run(
        self, dataset: Dataset, strategies: Sequence[str] = STRATEGIES, *, answers: bool = True
    ) -> Report:
        """Ingests the corpus, asks every question, scores.

        Args:
            dataset: Corpus, questions, judgements.
            strategies: Search strategies to be measured; the first is the one the figures are named by.
            answers: Whether questions are answered too, not only searched for.

        A document that fails is reported and counts as not found.

        Raises:
            TimeoutError: The corpus was not ingested in time.
        """
        self._sign_up()
        corpus = self._ingest(dataset.corpus)
        searches = {strategy: self._search(dataset, corpus, strategy) for strategy in strategies}
        answered = self._answer(dataset, corpus) if answers else []
        return Report(
            dataset=dataset.name,
            documents=len(dataset.corpus),
            failures=corpus.failures,
            chunks=corpus.chunks,
            ingestion_s=corpus.seconds,
            searches=searches,
            answers=answered,
        )

    def _sign_up(self) -> None:
        email = f"evaluation-{secrets.token_hex(8)}@footnote.example"
        password = secrets.token_urlsafe(24)
        self._client.register(email, password)
        self._client.login(email, password)

    def _ingest(self, corpus: Sequence[CorpusRow]) -> _Corpus:
        started = time.monotonic()
        rows: dict[str, list[str]] = {}
        uploaded = self._each("uploading", corpus, self._upload, _UPLOADERS)
        for row, document_id in zip(corpus, uploaded, strict=True):
            rows.setdefault(document_id, []).append(row.id)
        documents = self._wait(len(rows))
        seconds = time.monotonic() - started
        self._tie_duplicates(rows, documents)
        failures = [_failure(document) for document in documents if document["status"] != "completed"]
        return _Corpus(rows, failures, sum(document["chunk_count"] for document in documents), seconds)

    def _upload(self, row: CorpusRow) -> str:
        title = " ".join(row.title.split())[:_TITLE_CHARACTERS]
        text = row.text if row.text.strip() else row.title
        filename = f"{_UNSAFE.sub('_', row.id)[:_NAME_CHARACTERS]}.txt"
        return self._client.upload(
            text.encode(), filename, title=title or None, content_type="text/plain; charset=utf-8"
        )

    def _wait(self, expected: int) -> list[Json]:
        """All listed documents, once none is on its way any more."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            documents = list(self._documents())
            open_ones = sum(document["status"] in {"pending", "processing"} for document in documents)
            self._progress("ingesting", expected - open_ones, expected)
            if not open_ones:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{open_ones} of {expected} documents are still on their way")
            time.sleep(_POLL_S)
        return documents

    def _documents(self) -> Iterator[Json]:
        cursor: str | None = None
        while True:
            query = {"limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            page = self._client.documents(**query)
            yield from page["documents"]
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def _tie_duplicates(self, rows: dict[str, list[str]], documents: Iterable[Json]) -> None:
        """Rows of equal text are one document: all of them are found when it is."""
        listed = {document["id"] for document in documents}
        for document_id in [one for one in rows if one not in listed]:
            original = self._client.document(document_id)["duplicate_of"]
            rows.setdefault(original, []).extend(rows.pop(document_id))

    def _search(self, dataset: Dataset, corpus: _Corpus, strategy: str) -> list[SearchOutcome]:
        judged = [query for query in dataset.queries if query.relevance]

        def search(query: EvaluationQuery) -> SearchOutcome:
            started = time.perf_counter()
            answer = self._client.search(
                query.text, limit=_SEARCH_LIMIT, strategy=strategy, history=_history(query)
            )
            elapsed_ms = 1000 * (time.perf_counter() - started)
            ids = [result["document_id"] for result in answer["results"]]
            return SearchOutcome(query, _ranking(ids, corpus.rows, query), elapsed_ms)

        return self._each(f"searching ({strategy})", judged, search, _ASKERS)

    def _answer(self, dataset: Dataset, corpus: _Corpus) -> list[AnswerOutcome]:
        def answer(query: EvaluationQuery) -> AnswerOutcome:
            started = time.perf_counter()
            reply = self._client.chat(query.text, history=_history(query))
            return AnswerOutcome(
                query=query,
                answer=reply["answer"],
                abstained=reply["metadata"]["abstained"],
                confidence=reply["metadata"]["confidence"],
                cited=[corpus.rows.get(source["document_id"], []) for source in reply["sources"]],
                milliseconds=1000 * (time.perf_counter() - started),
            )

        return self._each("answering", dataset.queries, answer, _ASKERS)

    def _each(
        self, what: str, items: Sequence[Item], work: Callable[[Item], Result], workers: int
    ) -> list[Result]:
        """`work` over all items by some threads, in order, with progress."""
        results: list[Result] = []
        with ThreadPoolExecutor(workers) as pool:
            for result in pool.map(work, items):
                results.append(result)
                self._progress(what, len(results), len(items))
        return results


def _failure(document: Json) -> str:
    reason = (document.get("failure") or {}).get("reason")
    return f"{document['filename']}: {reason or document['status']}"


def _history(query: EvaluationQuery) -> list[Json]:
    """The last turns, as the API takes a conversation that the caller keeps."""
    return [{"actor": actor, "text": text} for actor, text in query.history[-HISTORY_TURNS:] if text.strip()]


def _ranking(document_ids: Iterable[str], rows: dict[str, list[str]], query: EvaluationQuery) -> list[str]:
    """Corpus rows in order of first appearance, each once.

    Of rows with the same text the judged one stands for all: they are one document.
    """
    ranking: list[str] = []
    for document_id in dict.fromkeys(document_ids):
        same = rows.get(document_id, [])
        relevant = [row for row in same if query.relevance.get(row, 0) > 0]
        ranking.extend(relevant or same[:1])
    return ranking[: max(_DEPTH, len(query.relevance))]
