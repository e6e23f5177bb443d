"""Any server with OpenAI's chat completions: vLLM, llama.cpp, Ollama, LiteLLM, OpenAI."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from footnote.models.ports import GenerationDelta, GenerationRequest, Usage
from footnote.models.prompts import build_messages
from footnote.models.providers.client import HttpClient
from footnote.models.providers.completion import BrokenCompletion, Completion
from footnote.models.usage import report_usage
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import GenerationSettings

# Section 4.3 of the system design document: bounds of sampling, and where a model has begun to play the user.
TEMPERATURE = (0.0, 1.0)
TOP_P = 0.9
STOP = ("\nUser:", "\nHuman:", "<|endoftext|>", "```")

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
PAUSE_S = (0.1, 0.4)
DRAIN_S = 0.05

logger = get_logger("generation")


@dataclass(frozen=True, slots=True)
class _Deadlines:
    """Points of `time.monotonic` at which waiting for the server ends."""

    first_text: float
    whole: float

    def remaining(self, completion: Completion) -> float:
        limit = self.whole if completion.text else min(self.whole, self.first_text)
        return limit - time.monotonic()


class OpenAIGenerator:
    """A `Generator` over `POST {base_url}/chat/completions` with streaming.

    A request that fails before any byte of the answer is tried once more; afterwards nothing is repeated.
    Closing the stream closes the connection, which tells the server to stop.

    Args:
        settings: Address, model and time limits (seconds).
        api_key: Reads the key for each answer; none for servers without one.
    """

    def __init__(
        self, settings: GenerationSettings, api_key: Callable[[], Awaitable[str]] | None = None
    ) -> None:
        if not settings.base_url:
            raise ValueError("generation.base_url is not set")
        self._settings = settings
        self._url = f"{settings.base_url.rstrip('/')}/chat/completions"
        self._api_key = api_key
        self._client = HttpClient(settings.connect_timeout_s)

    @property
    def name(self) -> str:
        return self._settings.model

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationDelta]:
        """The answer, piece by piece.

        Raises:
            ModelUnavailable: The server failed, was too slow, broke off, or answered nothing.
        """
        body = self._body(request)
        deadlines = self._deadlines(request)
        completion = Completion()
        started, opened, refused = time.monotonic(), False, False
        try:
            async with AsyncExitStack() as stack:
                response = await self._open(stack, body, deadlines.remaining(completion))
                opened = True
                pieces = await stack.enter_async_context(aclosing(_pieces(response)))
                while not completion.done and (piece := await _next(pieces, deadlines, completion)):
                    if text := completion.feed(piece):
                        yield GenerationDelta(text=text)
                await _drain(pieces)
            last = completion.finish(self.name, len(body))
        except TimeoutError:
            raise self._unavailable("too slow") from None
        except (httpx.HTTPError, BrokenCompletion, ServiceUnavailable) as error:
            refused = not opened
            raise self._unavailable(_reason(error)) from error
        finally:
            # Also of an answer that nobody waited for: its prompt was read, and what there is was written.
            if not refused:
                self._report(completion.usage(len(body)), time.monotonic() - started)
        yield last

    def _report(self, usage: Usage, elapsed_s: float) -> None:
        report_usage("input_tokens", self.name, usage.input_tokens)
        report_usage("cached_tokens", self.name, min(usage.cached_tokens, usage.input_tokens))
        report_usage("output_tokens", self.name, usage.output_tokens)
        if self._settings.self_hosted:
            report_usage("compute_ms", self.name, round(1000 * elapsed_s))

    def _deadlines(self, request: GenerationRequest) -> _Deadlines:
        now, limit = time.monotonic(), self._settings.timeout_s
        if request.timeout_s is not None:
            limit = min(limit, request.timeout_s)
        return _Deadlines(now + self._settings.first_token_timeout_s, now + limit)

    def _body(self, request: GenerationRequest) -> bytes:
        low, high = TEMPERATURE
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": build_messages(request),
            "max_tokens": max(1, request.max_tokens),
            "temperature": min(max(request.temperature, low), high),
            "top_p": TOP_P,
            "stop": list(STOP),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return json.dumps(body | self._settings.extra_body).encode()

    async def _open(self, stack: AsyncExitStack, body: bytes, limit_s: float) -> httpx.Response:
        """The open response with status 200; one retry where nothing of an answer was received.

        Raises:
            httpx.HTTPError: There is none.
            TimeoutError: Both attempts together took longer than `limit_s`.
        """
        headers = await self._headers()
        async with asyncio.timeout(limit_s):
            try:
                return await self._send(stack, body, headers)
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in RETRIED_STATUSES:
                    raise
            except httpx.TransportError:
                pass  # the second attempt tells
            await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - jitter, not a secret
            return await self._send(stack, body, headers)

    async def _send(self, stack: AsyncExitStack, body: bytes, headers: dict[str, str]) -> httpx.Response:
        client = self._client.get()
        request = client.build_request("POST", self._url, content=body, headers=headers)
        response = await client.send(request, stream=True)
        if not response.is_success:
            await response.aclose()
            response.raise_for_status()
        stack.push_async_callback(response.aclose)
        return response

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {await self._api_key()}"
        return headers

    def _unavailable(self, reason: str) -> ModelUnavailable:
        """The reason is for the log alone; it never holds text of the prompt or of the answer."""
        logger.warning("generation failed", extra={"model": self.name, "reason": reason})
        return ModelUnavailable("The language model is not available at the moment.")


async def _pieces(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for piece in response.aiter_bytes():
        yield piece


async def _next(pieces: AsyncIterator[bytes], deadlines: _Deadlines, completion: Completion) -> bytes:
    """The next bytes, none at the end. Only waiting for the server counts, not what the reader does."""
    async with asyncio.timeout(deadlines.remaining(completion)):
        return await anext(pieces, b"")


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Reads the end of the body, so that the connection can serve the next answer; no failure matters now."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in pieces:
                pass


def _reason(error: Exception) -> str:
    """What went wrong, in words that hold nothing of the request."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"status {error.response.status_code}"
    return str(error) if isinstance(error, BrokenCompletion) else type(error).__name__
