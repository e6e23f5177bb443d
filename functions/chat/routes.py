"""HTTP of questions and conversations."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.responses import JSONResponse

from footnote.chat import Repeated
from footnote.chat.explain import Explanation
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.cursors import decode_cursor, encode_cursor
from footnote.platform.http import Identity
from footnote.platform.idempotency import REPLAYED, Paid
from footnote.platform.pages import PageFormat, page_response, wants_page
from functions.chat.explanation_page import explanation_page
from functions.chat.models import ChatMessage, ChatMessages, ChatRequest, ChatResponse, ChatSessions
from functions.chat.streaming import EventStreamResponse, frames, repeated

# Questions have a limit of their own; who looks through conversations does not use it up.
questions = APIRouter(prefix="/chat", tags=["Chat"], route_class=limited("chat"))
conversations = APIRouter(prefix="/chat", tags=["Chat"], route_class=limited())

_EVENT = {
    "description": "One event of the stream.",
    "type": "object",
    "properties": {
        "event": {
            "type": "string",
            "enum": ["retrieval", "token", "citation", "restart", "usage", "done", "error"],
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
_STREAM = {
    "description": "The answer; with `stream` the events `retrieval`, `token`, `citation`, `restart`,"
    " `usage`, and last `done` or `error`.",
    "content": {"text/event-stream": {"schema": _EVENT}},
}
_PAGE = {
    "description": "The explanation; a page with `Accept: text/html` or `format=html`.",
    "content": {"text/html": {"schema": {"type": "string"}}},
}


@questions.post("", response_model=ChatResponse, responses={200: _STREAM})
@questions.post(
    "/message", response_model=ChatResponse, responses={200: _STREAM}, summary="Alias of POST /chat"
)
async def chat(body: ChatRequest, request: Request, paid: Paid) -> Response:
    """Answers a question from the organization's documents, citing the passages it rests on.

    What it used is charged with the turn that keeps the answer; `metadata.cost` is what the ledger has.
    """
    require(paid.context, "chat:write")
    services = await container().of_organization(paid.context)
    events = services.chat.stream(paid.context, body.to_question(), key=paid.key)
    # What fails before the first event is an ordinary error answer, of streams too.
    first = await anext(events)
    if isinstance(first, Repeated):
        await events.aclose()
        return _repeated(first, as_stream=body.stream)
    if body.stream:
        keep_alive_s = services.settings.chat.keep_alive_s
        content = frames(first, events, request_id=request.state.request_id, keep_alive_s=keep_alive_s)
        return EventStreamResponse(content, source=events)
    async with aclosing(events):
        *_, done = [event async for event in events]
    return JSONResponse(done.data())


@conversations.get("/sessions")
async def list_sessions(
    context: Identity,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> ChatSessions:
    """The member's own conversations, most recently used first."""
    require(context, "chat:read")
    before = decode_cursor(cursor) if cursor else None
    found = await container().conversations.sessions(context, before=before, limit=limit + 1)
    page = found[:limit]
    more = encode_cursor(page[-1].updated_at, page[-1].id) if len(found) > limit else None
    return ChatSessions.of(page, more)


@conversations.get("/sessions/{session_id}/messages")
async def list_messages(
    session_id: UUID,
    context: Identity,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> ChatMessages:
    """A conversation's messages, oldest first, with sources and metadata as they were answered."""
    require(context, "chat:read")
    found = await container().conversations.messages(context, session_id, after=after, limit=limit + 1)
    page = found[:limit]
    return ChatMessages(
        session_id=session_id,
        messages=[ChatMessage.of(message) for message in page],
        next_after=page[-1].position if len(found) > limit else None,
    )


@conversations.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_session(session_id: UUID, context: Identity) -> None:
    """Deletes a conversation; it is invisible at once."""
    require(context, "chat:write")
    await container().conversations.delete(context, session_id)


@conversations.get("/messages/{message_id}/explain", response_model=Explanation, responses={200: _PAGE})
async def explain_message(
    message_id: UUID,
    request: Request,
    context: Identity,
    chosen: Annotated[PageFormat | None, Query(alias="format")] = None,
) -> Response | Explanation:
    """How an answer came about, and whether it still holds; as data, or as a page a person can read.

    A member's own answers; with the permission `chat:audit` those of all members of the organization.
    """
    require(context, "chat:read")
    explanation = await container().explanations.explain(context, message_id)
    if wants_page(request, chosen):
        return page_response(explanation_page(explanation))
    return explanation


def _repeated(event: Repeated, *, as_stream: bool) -> Response:
    """An answer that was given before, once more."""
    headers = {REPLAYED: "true"}
    if as_stream:
        return EventStreamResponse(repeated(event), headers)
    return Response(event.body, media_type="application/json", headers=headers)
