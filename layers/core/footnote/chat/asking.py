"""A question as it arrives: what is wrong with it, how caches and models see it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from footnote.chat.caching import AskedQuestion
from footnote.chat.models import MESSAGE_CHARACTERS, ChatQuestion, Message
from footnote.knowledge import stand_alone
from footnote.models import Turn
from footnote.platform.errors import InvalidRequest

_TITLE_CHARACTERS = 60
_CITATION = re.compile(r"\s?\[\d{1,3}\]")


def validate(question: ChatQuestion) -> None:
    """Raises `InvalidRequest` for a question that cannot be answered as it is."""
    if not question.message.strip():
        raise InvalidRequest("The message is empty.")
    if len(question.message) > MESSAGE_CHARACTERS:
        raise InvalidRequest(f"The message is longer than {MESSAGE_CHARACTERS} characters.")
    if question.session_id is not None and question.history:
        raise InvalidRequest("Send either a session or the history of a conversation that you keep yourself.")


def as_cached(question: ChatQuestion, history: Sequence[Turn]) -> AskedQuestion:
    """The question as the cache of answers knows it."""
    alone = stand_alone(question.message, history)
    return AskedQuestion(
        text=question.message,
        filters=question.filters,
        enable_rag=question.enable_rag,
        max_tokens=question.max_tokens,
        temperature=question.temperature,
        depends_on_history=alone.depends or alone.conversation is not None,
        has_history=bool(history),
        use_cache=question.use_cache,
    )


def turn_of(message: Message) -> Turn:
    """Without its citation numbers, which counted the passages of another question."""
    return Turn(message.actor, _CITATION.sub("", message.text))


def title_of(message: str) -> str:
    """The session's title: the first message on one line, shortened between two words."""
    line = " ".join(message.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    head, _, _ = line[:_TITLE_CHARACTERS].rpartition(" ")
    return f"{head or line[: _TITLE_CHARACTERS - 1]}…"
