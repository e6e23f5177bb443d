"""One model endpoint: a request, once more where it failed in passing, and errors as the product knows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import httpx

from footnote.platform.errors import ModelUnavailable
from footnote.platform.logging import get_logger

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
PAUSE_S = (0.05, 0.15)


class Exchange(Protocol):
    """Sends one request body to the endpoint; raises `httpx.HTTPError` where the transport fails."""

    async def __call__(self, body: bytes) -> httpx.Response: ...

    async def close(self) -> None:
        """Closes the connections."""


class ModelEndpoint:
    """A container behind SageMaker or a plain URL. What it computes changes nothing and may be repeated.

    Args:
        kind: What it serves, as the log and the error's details name it: `embedding`, `reranking`.
        exchange: How a request reaches it.
    """

    def __init__(self, kind: str, exchange: Exchange) -> None:
        self._kind = kind
        self._exchange = exchange

    @asynccontextmanager
    async def within(self, timeout_s: float) -> AsyncIterator[None]:
        """Limits what happens inside, retries and pauses included.

        Raises:
            ModelUnavailable: It took longer than `timeout_s` seconds, or the transport failed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise self.failed(f"no answer within {timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise self.failed(f"no connection: {type(error).__name__}") from error

    async def post(self, body: bytes) -> bytes:
        """The body of the answer; to be called inside of `within`.

        Raises:
            ModelUnavailable: The answer is an error.
            httpx.HTTPError: The transport failed twice.
        """
        response = await self._send(body)
        if response.status_code != httpx.codes.OK:
            raise self.failed(f"status {container_status(response)}")
        return response.content

    def failed(self, reason: str) -> ModelUnavailable:
        """An error to be raised; see `unavailable`."""
        return unavailable(self._kind, reason)

    async def close(self) -> None:
        """Closes the connections."""
        await self._exchange.close()

    async def _send(self, body: bytes) -> httpx.Response:
        """One request, and one more where the first failed in passing."""
        try:
            response = await self._exchange(body)
        except httpx.TransportError:
            pass
        else:
            if container_status(response) not in RETRIED_STATUSES:
                return response
        await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - jitter, not a secret
        return await self._exchange(body)


def container_status(response: httpx.Response) -> int:
    """The container's own status: SageMaker reports any error of a container as 424 and names it inside."""
    if response.status_code != httpx.codes.FAILED_DEPENDENCY:
        return response.status_code
    try:
        return int(response.json()["OriginalStatusCode"])
    except (ValueError, KeyError, TypeError):
        return response.status_code


def unavailable(kind: str, reason: str) -> ModelUnavailable:
    """An error to be raised. The reason is for the log; the client learns only that the model is away."""
    get_logger(kind).warning("%s endpoint failed", kind, extra={"reason": reason})
    return ModelUnavailable(f"The {kind} model is not available at the moment.", details={"model": kind})
