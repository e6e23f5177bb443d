"""The reranking container's contract, whatever carries it: SageMaker or a plain URL.

Request: `{"query": text, "passages": [texts]}`. Answer: model, revision and one score a passage, 0..1, in
order (functions/reranking/contract.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from footnote.models.providers.endpoint import Exchange, ModelEndpoint
from footnote.models.usage import report_usage
from footnote.platform.breaker import Breaker
from footnote.platform.clock import Clock, SystemClock
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RerankingSettings

# Searches go on without the model, so one that is away is not waited for again and again.
FAILURES, WINDOW_S, OPEN_S = 3, 30.0, 15.0


class ContainerReranker:
    """A `Reranker` over one endpoint. Passages go in batches, one after the other.

    After three failures within half a minute the endpoint is left alone for a quarter of one.

    Args:
        settings: Batch size, bytes and characters of a request, and the time limit (seconds) of one `score`.
        exchange: How a request reaches the endpoint.
        clock: Time of the breaker; tests set their own.
    """

    def __init__(self, settings: RerankingSettings, exchange: Exchange, clock: Clock | None = None) -> None:
        self._settings = settings
        self._endpoint = ModelEndpoint("reranking", exchange)
        self._breaker = Breaker(clock or SystemClock(), failures=FAILURES, window_s=WINDOW_S, open_s=OPEN_S)
        self._name = settings.endpoint_name

    @property
    def name(self) -> str:
        """The model of the latest answer; the endpoint's name before the first one."""
        return self._name

    async def score(self, query: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        if not self._breaker.allows():
            raise self._endpoint.failed("it failed too often just now")
        try:
            async with self._endpoint.within(self._settings.timeout_s):
                scores = await self._score(query, passages)
        except ModelUnavailable:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return scores

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()

    async def _score(self, query: str, passages: Sequence[str]) -> list[float]:
        scores: list[float] = []
        seen: str | None = None
        for body, count in batches(query, passages, self._settings):
            model, part = self._read(await self._endpoint.post(body), count)
            report_usage("rerank_calls", self._name, 1)
            if seen is not None and model != seen:
                raise self._endpoint.failed("the endpoint changed its model between two batches")
            seen = model
            scores += part
        return scores

    def _read(self, content: bytes, count: int) -> tuple[str, list[float]]:
        """The revision of the model, whose name is kept, and the scores of one answer."""
        try:
            answer = json.loads(content)
            name, revision, scores = answer["model"], answer["revision"], answer["scores"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._endpoint.failed(f"an unreadable answer: {type(error).__name__}") from error
        if not (isinstance(name, str) and isinstance(revision, str) and isinstance(scores, list)):
            raise self._endpoint.failed("an answer without model, revision or scores")
        if len(scores) != count or not all(map(_is_score, scores)):
            raise self._endpoint.failed(f"{len(scores)} scores for {count} passages, or not all within 0..1")
        self._name = name
        return revision, [float(score) for score in scores]


def batches(query: str, passages: Sequence[str], settings: RerankingSettings) -> Iterator[tuple[bytes, int]]:
    """Bodies of requests, each with the number of its passages.

    A body has at most `batch_size` passages and `max_body_bytes` bytes, but at least one passage. Texts
    longer than `max_characters` are cut: the model reads a few hundred tokens and would drop the rest itself.
    """
    limit = settings.max_characters
    written = json.dumps(query[:limit])
    room = settings.max_body_bytes - len(_body(written, ()))
    batch: list[str] = []
    size = 0
    for passage in passages:
        text = json.dumps(passage[:limit])
        if batch and (len(batch) == settings.batch_size or size + len(text) > room):
            yield _body(written, batch), len(batch)
            batch, size = [], 0
        batch.append(text)
        size += len(text) + 1
    yield _body(written, batch), len(batch)


def _body(query: str, passages: Sequence[str]) -> bytes:
    return f'{{"query":{query},"passages":[{",".join(passages)}]}}'.encode()


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0
