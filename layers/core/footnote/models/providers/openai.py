"""Any server with OpenAI's chat completions: vLLM, llama.cpp, Ollama, LiteLLM, OpenAI."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx

from footnote.models.ports import GenerationDelta, GenerationRequest, Usage
from footnote.models.prompts import build_messages
from footnote.models.providers.client import HttpClient
from footnote.models.providers.sse import EventDecoder, MalformedStream
from footnote.models.reasoning import ReasoningFilter
from footnote.platform.errors import ModelUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import GenerationSettings

# Section 4.3 of the system design document: bounds of sampling, and where a model has begun to play the user.
TEMPERATURE, TOP_P = (0.0, 1.0), (0.1, 1.0)
STOP = ("\nUser:", "\nHuman:", "<|endoftext|>", "```")
DEFAULT_TOP_P = 0.9

RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
PAUSE_S = (0.1, 0.4)
CHARACTERS_PER_TOKEN = 4
DONE = "[DONE]"

logger = get_logger("generation")


@dataclass(slots=True)
class _Answer:
    """What has been received of one answer."""

    deadline: float
    first_text_deadline: float
    reasoning: ReasoningFilter = field(default_factory=ReasoningFilter)
    characters: int = 0
    finish_reason: str = ""
    usage: Usage | None = None
    done: bool = False

    def remaining(self) -> float:
        """Seconds that may still be waited for the next bytes."""
        limit = self.deadline if self.characters else min(self.deadline, self.first_text_deadline)
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
        answer = self._begin(request)
        async with AsyncExitStack() as stack:
            response = await self._open(stack, body, answer)
            pieces = await stack.enter_async_context(aclosing(_bytes(response)))
            events = EventDecoder()
            while not answer.done and (piece := await self._next(pieces, answer)) is not None:
                if text := self._text(events, piece, answer):
                    yield GenerationDelta(text=text)
        yield self._last(body, answer)

    def _begin(self, request: GenerationRequest) -> _Answer:
        now = time.monotonic()
        limit = self._settings.timeout_s
        if request.timeout_s is not None:
            limit = min(limit, request.timeout_s)
        return _Answer(now + limit, now + self._settings.first_token_timeout_s)

    def _body(self, request: GenerationRequest) -> bytes:
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": build_messages(request),
            "max_tokens": max(1, request.max_tokens),
            "temperature": _clamp(request.temperature, *TEMPERATURE),
            "top_p": _clamp(DEFAULT_TOP_P, *TOP_P),
            "stop": list(STOP),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        return json.dumps(body | self._settings.extra_body).encode()

    async def _open(self, stack: AsyncExitStack, body: bytes, answer: _Answer) -> httpx.Response:
        """The open response; one retry where nothing of an answer was received."""
        headers = await self._headers()
        failure = "no answer"
        for attempt in range(2):
            if attempt:
                await asyncio.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - jitter, not a secret
            try:
                async with asyncio.timeout(answer.remaining()):
                    response = await self._send(body, headers)
            except TimeoutError:
                raise _unavailable(self.name, "no answer in time") from None
            except httpx.TransportError as error:
                failure = type(error).__name__
                continue
            if response.status_code == httpx.codes.OK:
                stack.push_async_callback(response.aclose)
                return response
            await response.aclose()
            failure = f"status {response.status_code}"
            if response.status_code not in RETRIED_STATUSES:
                break
        raise _unavailable(self.name, failure)

    async def _send(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        client = self._client.get()
        request = client.build_request("POST", self._url, content=body, headers=headers)
        return await client.send(request, stream=True)

    async def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {await self._api_key()}"
        return headers

    async def _next(self, pieces: AsyncIterator[bytes], answer: _Answer) -> bytes | None:
        """The next bytes, `None` at the end. The time limit holds only while waiting for the server."""
        try:
            async with asyncio.timeout(answer.remaining()):
                return await anext(pieces, None)
        except TimeoutError:
            raise _unavailable(self.name, "too slow") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _unavailable(self.name, f"broken stream: {type(error).__name__}") from error

    def _text(self, events: EventDecoder, piece: bytes, answer: _Answer) -> str:
        """What `piece` adds to the answer's text."""
        try:
            text = "".join(answer.reasoning.feed(_read(data, answer)) for data in events.feed(piece))
        except MalformedStream as error:
            raise _unavailable(self.name, f"broken stream: {error}") from error
        answer.characters += len(text)
        return text

    def _last(self, body: bytes, answer: _Answer) -> GenerationDelta:
        """The finished delta; refuses an answer that was cut off or empty."""
        rest = answer.reasoning.finish()
        answer.characters += len(rest)
        if not answer.finish_reason:
            raise _unavailable(self.name, "the stream ended early")
        if not answer.characters:
            raise _unavailable(self.name, f"an empty answer ({answer.finish_reason})")
        return GenerationDelta(
            text=rest,
            finished=True,
            usage=answer.usage or _estimate(len(body), answer.characters),
            model=self.name,
            finish_reason=answer.finish_reason,
        )


async def _bytes(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    async for piece in response.aiter_bytes():
        yield piece


def _read(data: str, answer: _Answer) -> str:
    """Takes one event into `answer` and returns its text.

    Raises:
        ModelUnavailable: The chunk is malformed or reports an error.
    """
    if answer.done or data.strip() == DONE:
        answer.done = True
        return ""
    try:
        chunk = json.loads(data)
        if chunk.get("error"):
            raise _unavailable("", "an error within the stream")
        if chunk.get("usage"):
            answer.usage = Usage(
                int(chunk["usage"]["prompt_tokens"]), int(chunk["usage"]["completion_tokens"])
            )
        if not chunk.get("choices"):
            return ""
        choice = chunk["choices"][0]
        answer.finish_reason = choice.get("finish_reason") or answer.finish_reason
        return str((choice.get("delta") or {}).get("content") or "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unavailable("", f"a malformed chunk: {type(error).__name__}") from error


def _estimate(request_bytes: int, characters: int) -> Usage:
    """Tokens of a server that does not count them: about four characters each, never none."""
    return Usage(max(1, request_bytes // CHARACTERS_PER_TOKEN), max(1, characters // CHARACTERS_PER_TOKEN))


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _unavailable(model: str, reason: str) -> ModelUnavailable:
    """The reason is for the log; it never holds text of the prompt or of the server's answer."""
    logger.warning("generation failed", extra={"model": model, "reason": reason})
    return ModelUnavailable("The language model is not available at the moment.")
