"""Questions that are asked of a charged chat, left, and asked again; and what is kept of them."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from footnote.chat import ChatQuestion, Event, Message
from footnote.models import Usage
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.conversations import PostgresConversationStore
from tests.support.chat import QUESTION

TOLD = ("The lighthouse of Farol was built in 1912 [1]. ", "It is forty metres high [1].")
USED = Usage(200, 30, 120)


async def stored_turns(
    conversations: PostgresConversationStore, context: OrganizationContext
) -> list[Message]:
    """The answers that are kept, with their texts and metadata."""
    sessions = await conversations.sessions(context, before=None, limit=200)
    found: list[Message] = []
    for session in sessions:
        found += await conversations.messages(context, session.id, after=0, limit=200)
    return [message for message in found if message.actor == "assistant"]


async def left_after(chat: Any, context: OrganizationContext, count: int, **options: Any) -> list[Event]:
    """Streams a question and leaves after so many events; which they were."""
    seen: list[Event] = []
    async with aclosing(chat.orchestrator.stream(context, ChatQuestion(QUESTION), **options)) as events:
        async for event in events:
            seen.append(event)
            if len(seen) == count:
                break
    return seen


async def events_of_key(chat: Any, context: OrganizationContext, key: str) -> list[Event]:
    """All that is streamed for the question with an idempotency key."""
    return [event async for event in chat.orchestrator.stream(context, ChatQuestion(QUESTION), key=key)]
