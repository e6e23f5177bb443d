"""Follow-ups worded anew by a language model, and the check that nothing was lost or made up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, cast

from footnote.knowledge.analysis.entities import entities
from footnote.knowledge.language import detect_language
from footnote.models import GenerationRequest, Generator, Turn
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable
from footnote.platform.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from footnote.models import GenerationDelta

logger = get_logger("followups")

_LONGEST = 3.0
_SPARE_CHARACTERS = 120  # a short message needs room for what it leans on
_MAX_CHARACTERS = 1_000
_MAX_TOKENS = 128
_TURNS = 4
_TURN_CHARACTERS = 600
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_LABEL = re.compile(r"^\s*(?:(?:stand-?alone|rewritten)\s+)?(?:question|query)\s*:\s*", re.IGNORECASE)
_QUOTES = "\"'“”„«»` "


class QueryRewriter(Protocol):
    """Words a message so that it stands on its own."""

    async def rewrite(
        self, context: OrganizationContext, message: str, history: Sequence[Turn]
    ) -> str | None:
        """The message without its conversation, oldest turn first; `None` where none could be had in time."""
        ...


class ModelQueryRewriter:
    """A `QueryRewriter` by a language model; it never fails, it only gives up.

    Args:
        generator: The model.
        timeout_s: What a search may wait for it.
    """

    def __init__(self, generator: Generator, timeout_s: float) -> None:
        self._generator = generator
        self._timeout_s = timeout_s

    async def rewrite(
        self, context: OrganizationContext, message: str, history: Sequence[Turn]
    ) -> str | None:
        request = GenerationRequest(
            context=context,
            question=message,
            passages=(),
            history=tuple(Turn(turn.actor, turn.text[:_TURN_CHARACTERS]) for turn in history[-_TURNS:]),
            max_tokens=_MAX_TOKENS,
            temperature=0.0,
            timeout_s=self._timeout_s,
            purpose="rewrite",
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                return _first_line(await self._whole(request))
        except (ModelUnavailable, TimeoutError):
            logger.info("a follow-up was not rewritten", extra={"model": self._generator.name})
            return None

    async def _whole(self, request: GenerationRequest) -> str:
        text = ""
        stream = cast("AsyncGenerator[GenerationDelta, None]", self._generator.stream(request))
        async with aclosing(stream) as deltas:
            async for delta in deltas:
                text = delta.text if delta.restart else text + delta.text
        return text


def is_faithful(rewritten: str, message: str, history: Sequence[Turn]) -> bool:
    """Whether a wording keeps what the message names and adds no number that nobody spoke of.

    It may be three times as long as the message (a short one gets 120 characters on top), keeps each number,
    name, code and quotation of the message, and has no number that stands neither there nor in the history.
    """
    text = rewritten.casefold()
    if not text.strip() or len(rewritten) > min(_MAX_CHARACTERS, _LONGEST * len(message) + _SPARE_CHARACTERS):
        return False
    kept = (entity.text.strip(_QUOTES).casefold() for entity in entities(message, detect_language(message)))
    said = set(_NUMBER.findall(" ".join([message, *(turn.text for turn in history)])))
    return all(name in text for name in kept) and said.issuperset(_NUMBER.findall(rewritten))


def _first_line(answer: str) -> str | None:
    """The answer without a label and quotation marks around it; `None` for an empty one."""
    line = next((line for line in answer.splitlines() if line.strip()), "")
    return _LABEL.sub("", line).strip(_QUOTES) or None
