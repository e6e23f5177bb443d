"""Runs a judged set against a running stack, in an organization made for it and used once."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import httpx

from footnote.evaluation import Dataset, EvaluationQuery, cosine, without_citations
from footnote.evaluation.scoring import grounded_share
from local.client import ApiClient
from local.evaluation.corpus import Corpus, ingest
from local.evaluation.outcomes import AnswerOutcome, SearchOutcome
from local.evaluation.report import Report
from local.evaluation.vectors import Vectors
from local.evaluation.work import Progress, each

Json = dict[str, Any]

STRATEGIES = ("hybrid", "lexical", "vector")
HISTORY_TURNS = 6
"""Earlier turns sent along; the product's own limit (`ChatSettings.history_turns`)."""

_ASKERS = 2
_SEARCH_LIMIT = 50
_DEPTH = 10


class Evaluation:
    """One run.

    Args:
        client: Speaks to the stack; the run registers its own account with it.
        progress: Told how far it is.
        ingestion_timeout_s: Longest wait for the whole corpus.
        vectors: For the cosines of answers; without it they are left out.
    """

    def __init__(
        self,
        client: ApiClient,
        progress: Progress = lambda *_: None,
        ingestion_timeout_s: float = 3600.0,
        vectors: Vectors | None = None,
    ) -> None:
        self._client = client
        self._progress = progress
        self._timeout_s = ingestion_timeout_s
        self._vectors = vectors

    def run(
        self, dataset: Dataset, strategies: Sequence[str] = STRATEGIES, *, answers: bool = True
    ) -> Report:
        """Ingests the corpus, asks every question, scores; errors as `prepare`."""
        return self.measure(dataset, self.prepare(dataset), strategies, answers=answers)

    def prepare(self, dataset: Dataset) -> Corpus:
        """Ingests the corpus as a new member of a new organization.

        Raises:
            TimeoutError: The corpus was not ingested in time.
        """
        email = f"evaluation-{secrets.token_hex(8)}@footnote.example"
        password = secrets.token_urlsafe(24)
        self._client.register(email, password)
        self._client.login(email, password)
        return ingest(self._client, dataset.corpus, self._progress, self._timeout_s)

    def measure(
        self,
        dataset: Dataset,
        corpus: Corpus,
        strategies: Sequence[str] = STRATEGIES,
        *,
        answers: bool = True,
        configuration: str = "",
    ) -> Report:
        """Asks every question and scores.

        Args:
            dataset: Corpus, questions, judgements.
            corpus: The same, as it was ingested.
            strategies: Search strategies to be measured; the first is the one the figures are named by.
            answers: Whether questions are answered too, not only searched for.
            configuration: What the stack's settings are called.
        """
        self._client.login(*corpus.account)
        searches = {strategy: self._search(dataset, corpus, strategy) for strategy in strategies}
        answered = self._answer(dataset, corpus) if answers else []
        return Report(
            dataset=dataset.name,
            corpus=corpus,
            searches=searches,
            answers=self._with_cosines(answered),
            configuration=configuration,
        )

    def _search(self, dataset: Dataset, corpus: Corpus, strategy: str) -> list[SearchOutcome]:
        judged = [query for query in dataset.queries if query.relevance]

        def search(query: EvaluationQuery) -> SearchOutcome:
            started = time.perf_counter()
            answer = self._client.search(
                query.text, limit=_SEARCH_LIMIT, strategy=strategy, history=_history(query), cache=False
            )
            elapsed_ms = 1000 * (time.perf_counter() - started)
            ids = [result["document_id"] for result in answer["results"]]
            return SearchOutcome(query, _ranking(ids, corpus.rows, query), elapsed_ms)

        return each(f"searching ({strategy})", judged, search, _ASKERS, self._progress)

    def _answer(self, dataset: Dataset, corpus: Corpus) -> list[AnswerOutcome]:
        def answer(query: EvaluationQuery) -> AnswerOutcome:
            started = time.perf_counter()
            reply = self._client.chat(query.text, history=_history(query), cache=False)
            return AnswerOutcome(
                query=query,
                answer=reply["answer"],
                abstained=reply["metadata"]["abstained"],
                confidence=reply["metadata"]["confidence"],
                cited=[corpus.rows.get(source["document_id"], []) for source in reply["sources"]],
                milliseconds=1000 * (time.perf_counter() - started),
                evidence=[(source["number"], _texts(source)) for source in reply["sources"]],
                grounded=_grounded(reply["metadata"]["grounding"]),
            )

        return each("answering", dataset.queries, answer, _ASKERS, self._progress)

    def _with_cosines(self, answers: list[AnswerOutcome]) -> list[AnswerOutcome]:
        """With the similarity to question and reference answers, where the model answers."""
        if self._vectors is None:
            return answers
        vectors = self._vectors

        def compared(one: AnswerOutcome) -> AnswerOutcome:
            said = without_citations(one.answer)
            if one.abstained or not said:
                return one
            golden = one.query.answers if one.query.relevance else ()
            answer, asked, *wanted = vectors.embed([said, one.query.text, *golden])
            similarity = max((cosine(answer, vector) for vector in wanted), default=None)
            return replace(one, similarity=similarity, relevance=cosine(answer, asked))

        try:
            return each("comparing answers", answers, compared, _ASKERS, self._progress)
        except httpx.HTTPError:
            return answers


def _grounded(told: Json | None) -> float | None:
    return grounded_share(told["supported"], told["partial"], told["unsupported"]) if told else None


def _texts(source: Json) -> tuple[str, ...]:
    return (*(piece["text"] for piece in source["evidence"]), source["excerpt"])


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
    return ranking
