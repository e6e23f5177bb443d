"""A cached answer as it is given again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from footnote.chat.caching.answers import Hit
from footnote.chat.events import Citation, Event, Retrieval, Token
from footnote.chat.models import Answer


def again(hit: Hit, *, session_id: UUID, message_id: UUID, elapsed_ms: int) -> Answer:
    """The cached answer as a new message: the same text and sources, no tokens, and how it was found."""
    cached = hit.answer
    metadata = replace(
        cached.metadata,
        tokens_used=0,
        response_time_ms=elapsed_ms,
        cached=True,
        cache=hit.path,
        cost=None,
        limited_to_tokens=None,
    )
    return Answer(session_id, message_id, cached.text, cached.sources, metadata)


def replay(hit: Hit, answer: Answer) -> Iterator[Event]:
    """The events before `Usage` and `Done`: that search, all citations, the text in one piece."""
    yield Retrieval(
        session_id=answer.session_id,
        message_id=answer.message_id,
        strategy=answer.metadata.strategy,
        degraded=answer.metadata.degraded,
        passages=hit.answer.passages,
        timings_ms={"cache": float(answer.metadata.response_time_ms)},
    )
    for source in answer.sources:
        yield Citation(source)
    yield Token(answer.text)
