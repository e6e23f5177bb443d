"""Server-Sent Events: frames as the answer's events happen, and keep-alive comments while none does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Send

from footnote.chat import KEEP_ALIVE, Error, Event, Repeated, repeated_frames, server_sent_event
from footnote.platform.errors import FootnoteError
from footnote.platform.logging import get_logger

logger = get_logger("chat")


class EventStreamResponse(StreamingResponse):
    """A stream of frames that is closed before the response ends, however it ends.

    Args:
        content: The frames.
        headers: Further headers.
        source: What the frames are made of. It is closed as well: of a client that left before the first
            frame, or right after it, nobody has begun to read it.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncGenerator[bytes, None],
        headers: Mapping[str, str] | None = None,
        *,
        source: AsyncGenerator[Event, None] | None = None,
    ) -> None:
        super().__init__(content, headers={"Cache-Control": "no-cache, no-transform", **(headers or {})})
        self._frames = content
        self._source = source

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._frames.aclose()
                if self._source is not None:
                    await self._source.aclose()


async def frames(
    first: Event, events: AsyncGenerator[Event, None], *, request_id: str, keep_alive_s: float
) -> AsyncGenerator[bytes, None]:
    """The frames of a stream.

    The events are produced by a task of their own, so that waiting for one does not keep the connection
    silent. If the client leaves, that task is cancelled and waited for: the orchestrator then stores what was
    shown, and the invocation must not end before.

    Args:
        first: The first event, already there.
        events: The rest; an exception becomes an `error` event.
        request_id: Quoted in an `error` event.
        keep_alive_s: Longest silence.
    """
    queue: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=1)
    producer = asyncio.create_task(_produce(events, queue, request_id))
    try:
        yield server_sent_event(first)
        while True:
            try:
                async with asyncio.timeout(keep_alive_s):
                    event = await queue.get()
            except TimeoutError:
                yield KEEP_ALIVE
                continue
            if event is None:
                return
            yield server_sent_event(event)
    finally:
        producer.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({producer})


async def repeated(event: Repeated) -> AsyncGenerator[bytes, None]:
    """The frames of an answer that was given before."""
    for frame in repeated_frames(event):
        yield frame


async def _produce(
    events: AsyncGenerator[Event, None], queue: asyncio.Queue[Event | None], request_id: str
) -> None:
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(event)
    except FootnoteError as error:
        await queue.put(Error.of(error, request_id))
    except Exception as error:
        logger.exception("a stream failed", extra={"request_id": request_id})
        await queue.put(Error.of(error, request_id))
    await queue.put(None)
