"""The embedding container's contract, whatever carries it: SageMaker or a plain URL.

Request: `{"inputs": [texts], "kind": "query"|"passage"}`. Answer: model, revision, dimension and the vectors
as base64 of little-endian float32, rows one after the other (functions/embedding/contract.py).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import random
import sys
from array import array
from collections.abc import Sequence
from typing import Literal, Protocol

import httpx

from footnote.models.ports import EmbeddingModel
from footnote.platform.errors import ModelUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import EmbeddingSettings

Kind = Literal["query", "passage"]

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
PAUSE_S = (0.05, 0.15)
PROBE = "footnote"

logger = get_logger("embedding")


class Exchange(Protocol):
    """Sends one request body to the endpoint; raises `httpx.HTTPError` where the transport fails."""

    async def __call__(self, body: bytes) -> httpx.Response: ...


class ContainerEmbedder:
    """An `Embedder` over one endpoint. Texts go in batches, one after the other; vectors come back in order.

    Args:
        settings: Batch size and time limits (seconds): `timeout_s` for queries, `ingestion_timeout_s` for
            passages, each for one batch with its retry.
        exchange: How a request reaches the endpoint.
    """

    def __init__(self, settings: EmbeddingSettings, exchange: Exchange) -> None:
        self._settings = settings
        self._exchange = exchange
        self._model: EmbeddingModel | None = None

    async def model(self) -> EmbeddingModel:
        """The model of the latest answer; asks once when there was none yet."""
        if self._model is None:
            await self.embed_queries([PROBE])
        assert self._model is not None
        return self._model

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embed(texts, "query", self._settings.timeout_s)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embed(texts, "passage", self._settings.ingestion_timeout_s)

    async def _embed(self, texts: Sequence[str], kind: Kind, timeout_s: float) -> list[list[float]]:
        vectors: list[list[float]] = []
        seen: EmbeddingModel | None = None
        for start in range(0, len(texts), self._settings.batch_size):
            batch = texts[start : start + self._settings.batch_size]
            model, part = await self._batch(batch, kind, timeout_s)
            if seen is not None and model != seen:
                raise _unavailable("the endpoint changed its model between two batches")
            seen = model
            vectors += part
        if seen is not None:
            self._model = seen
        return vectors

    async def _batch(
        self, texts: Sequence[str], kind: Kind, timeout_s: float
    ) -> tuple[EmbeddingModel, list[list[float]]]:
        body = json.dumps({"inputs": list(texts), "kind": kind}).encode()
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._send(body)
        except TimeoutError:
            raise _unavailable(f"no answer within {timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise _unavailable(f"no connection: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK:
            raise _unavailable(f"status {_status(response)}")
        return decode(response.content, len(texts), self._settings.dimension)

    async def _send(self, body: bytes) -> httpx.Response:
        """One request, and one more where the first failed: embedding changes nothing and may be repeated."""
        try:
            response = await self._exchange(body)
        except httpx.TransportError:
            pass
        else:
            if _status(response) not in RETRIED_STATUSES:
                return response
        await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - jitter, not a secret
        return await self._exchange(body)


def decode(content: bytes, count: int, dimension: int) -> tuple[EmbeddingModel, list[list[float]]]:
    """Model and vectors of an answer.

    Args:
        content: The answer's body.
        count: Texts that were sent.
        dimension: Length a vector must have.

    Raises:
        ModelUnavailable: The answer is not what the contract says.
    """
    try:
        answer = json.loads(content)
        model = EmbeddingModel(str(answer["model"]), str(answer["revision"]), int(answer["dimension"]))
        values = array("f", base64.b64decode(answer["vectors"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _unavailable(f"an unreadable answer: {type(error).__name__}") from error
    if sys.byteorder == "big":
        values.byteswap()
    if model.dimension != dimension or len(values) != count * dimension:
        raise _unavailable(
            f"{len(values)} numbers of dimension {model.dimension} for {count} texts of dimension {dimension}"
        )
    numbers = values.tolist()
    return model, [numbers[start : start + dimension] for start in range(0, len(numbers), dimension)]


def _status(response: httpx.Response) -> int:
    """The container's own status: SageMaker reports any error of a container as 424 and names it inside."""
    if response.status_code != httpx.codes.FAILED_DEPENDENCY:
        return response.status_code
    try:
        return int(response.json()["OriginalStatusCode"])
    except (ValueError, KeyError, TypeError):
        return response.status_code


def _unavailable(reason: str) -> ModelUnavailable:
    """The reason is for the log; the client learns only that the model is away."""
    logger.warning("embedding endpoint failed", extra={"reason": reason})
    return ModelUnavailable(
        "The embedding model is not available at the moment.", details={"model": "embedding"}
    )
