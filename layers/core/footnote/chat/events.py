"""What happens while an answer is made. The orchestrator yields these; transports only serialise them.

Order: one `Retrieval`, then `Token`s and `Citation`s, `Usage`, and last `Done` or `Error`. A `Restart` takes
back every token and citation before it. A stream without `Done` is not an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from footnote.billing import Cost
from footnote.chat.models import Answer, Source, json_text
from footnote.platform.errors import FootnoteError

KEEP_ALIVE = b": keep-alive\n\n"
"""An SSE comment: keeps proxies from closing a connection on which nothing happens yet."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The passages are chosen.

    Attributes:
        strategy: What search ran, or `none`.
        passages: How many passages the answer may rest on.
        timings_ms: Milliseconds by stage.
    """

    name: ClassVar[str] = "retrieval"

    session_id: UUID
    message_id: UUID
    strategy: str
    degraded: str | None
    passages: int
    timings_ms: dict[str, float]

    def data(self) -> dict[str, Any]:
        return {
            "session_id": str(self.session_id),
            "message_id": str(self.message_id),
            "strategy": self.strategy,
            "degraded": self.degraded,
            "passages": self.passages,
            "timings_ms": self.timings_ms,
        }


@dataclass(frozen=True, slots=True)
class Token:
    """Text to append to the answer."""

    name: ClassVar[str] = "token"

    text: str

    def data(self) -> dict[str, Any]:
        return {"text": self.text}


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage is cited for the first time; the source says what it is."""

    name: ClassVar[str] = "citation"

    source: Source

    def data(self) -> dict[str, Any]:
        return self.source.as_json()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of prompt and answer as the model counts them, and the answer's cost as in its metadata."""

    name: ClassVar[str] = "usage"

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cost: Cost | None = None

    def data(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cached_tokens": self.cached_tokens,
            "cost": self.cost.as_json() if self.cost else None,
        }


@dataclass(frozen=True, slots=True)
class Restart:
    """What was sent so far is replaced: the model failed and another one begins anew."""

    name: ClassVar[str] = "restart"

    reason: str

    def data(self) -> dict[str, Any]:
        return {"reason": self.reason}


@dataclass(frozen=True, slots=True)
class Error:
    """The answer failed after its first event; nothing follows. The fields of every error body."""

    name: ClassVar[str] = "error"

    code: str
    message: str
    request_id: str
    details: dict[str, Any]

    @classmethod
    def of(cls, error: Exception, request_id: str) -> Error:
        """The event for an exception; one outside the error tree shows none of its own text."""
        if isinstance(error, FootnoteError):
            return cls(error.code, error.message, request_id, error.details)
        message = "An unexpected error occurred. Quote the request id to support."
        return cls("INTERNAL_ERROR", message, request_id, {})

    def data(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "details": self.details,
            "request_id": self.request_id,
        }


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is stored; carries the whole answer as the buffered call returns it."""

    name: ClassVar[str] = "done"

    answer: Answer

    def data(self) -> dict[str, Any]:
        return self.answer.as_json()


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request was answered before, and this is the answer; the only event then.

    Attributes:
        body: The text of the answer's body.
    """

    name: ClassVar[str] = "done"

    body: str

    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


Event = Retrieval | Token | Citation | Usage | Restart | Error | Done | Repeated


def server_sent_event(event: Event) -> bytes:
    """One frame of `text/event-stream` (WHATWG HTML, 9.2): the name, one line of JSON, an empty line."""
    return _frame(event.name, event.data())


def repeated_frames(event: Repeated) -> Iterator[bytes]:
    """The frames of an answer that was given before: its text in one piece, its citations, and the end.

    Its tokens were used then; nothing is used now.
    """
    body = event.data()
    yield _frame("token", {"text": body["answer"]})
    for source in body["sources"]:
        yield _frame("citation", source)
    yield _frame(Usage.name, Usage(0, 0).data() | {"cost": body["metadata"].get("cost")})
    yield _frame(event.name, body)


def _frame(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json_text(data)}\n\n".encode()
