"""What a question costs: reserved before it is answered, charged with the turn that keeps the answer.

What is reserved are upper bounds. Where a limit on tokens or costs does not allow them, a shorter answer is
tried for, and the answer says how long it may have been at most.
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from footnote.billing import ANY, Asked, Bounds, Charge, Charges, KeptResponse, PriceList
from footnote.chat.context import tokens_of
from footnote.chat.models import Answer, ChatQuestion, json_text
from footnote.chat.provenance.canonical import plain
from footnote.models import Turn
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError
from footnote.platform.logging import get_logger
from footnote.quota import Denial, Meter, Replayed, Settlement

logger = get_logger("chat")

FEATURE = "chat"
LEAST_TOKENS = 50
"""The shortest answer that is worth asking for, as in section 7 of the reference document."""

_UNPROMPTED = frozenset({"extractive", "none"})
_SHRINKING = frozenset({Meter.OUTPUT_TOKENS, Meter.COST})
_INSTRUCTION_TOKENS = 500
_TURN_TOKENS = 10
_REWRITING_TOKENS = 128
# What the extractive answerer says beside the sentences that it was allowed: what part it leaves open.
_REMAINDER_TOKENS = 100
_ANSWERED = {Meter.MESSAGES: 1, Meter.API_CALLS: 1}
_LEFT = {Meter.API_CALLS: 1}


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What bounds the use of models for one answer.

    Attributes:
        context_tokens: Of all passages in a prompt.
        token_factor: Tokens of the generation model for one of ours.
        embedding_tokens: Of everything that is embedded for a question.
        rerank_calls: Requests to the cross-encoder.
        compute_ms: Time of a generation server that costs by it; 0 for others.
        rewrites: Whether a model words follow-up questions anew.
        deadline_s: Seconds for the whole answer.
    """

    context_tokens: int
    token_factor: float
    embedding_tokens: int
    rerank_calls: int
    compute_ms: int
    rewrites: bool
    deadline_s: float


class AnswerCharge:
    """The open charge of one question.

    Args:
        charge: The hold and what is used under it.
        asked_tokens: The answer's length that was asked for.
        max_tokens: The length that limits allow.
    """

    def __init__(self, charge: Charge, asked_tokens: int, max_tokens: int) -> None:
        bound = charge.hold.reserved.tokens_per_message
        self.max_tokens = max_tokens if bound is None else max(1, min(max_tokens, bound))
        self.usage = charge.usage
        self._charge = charge
        self._limited_to = self.max_tokens if self.max_tokens < asked_tokens else None

    def told(self, answer: Answer) -> Answer:
        """The answer with its cost, and with all tokens that went into it."""
        tokens = self.usage.total("input_tokens") + self.usage.total("output_tokens")
        metadata = replace(
            answer.metadata, tokens_used=tokens, cost=self._charge.cost, limited_to_tokens=self._limited_to
        )
        return replace(answer, metadata=metadata)

    def settlement(self, answer: Answer) -> Settlement:
        """What is recorded with the turn."""
        return self._charge.settlement(_ANSWERED, KeptResponse(200, json_text(answer.as_json())))

    def settled(self) -> None:
        """The turn is stored, and its settlement with it."""
        self._charge.is_settled = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what was not settled with a turn.

        A client that left after a model was asked, and before it saw anything, pays for the call and what
        the model had done; everything else that failed costs nothing.
        """
        left = kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit)
        if left and not self._charge.is_settled and self.usage.total("input_tokens"):
            with suppressing_errors("what a client left cannot be charged; its hold ends by itself"):
                await self._charge.settle(_LEFT)
                return
        await self._charge.__aexit__(kind, error, trace)


@contextmanager
def suppressing_errors(told: str) -> Iterator[None]:
    """For the last things of a stream that nobody reads any more: an error would meet no one."""
    try:
        yield
    except FootnoteError:
        logger.warning(told, exc_info=True)


class AnswerCharges:
    """Opens charges of questions.

    Args:
        charges: Opens charges of anything.
        limits: What bounds one answer.
    """

    def __init__(self, charges: Charges, limits: AnswerLimits) -> None:
        self._charges = charges
        self._limits = limits

    async def open(
        self,
        context: OrganizationContext,
        question: ChatQuestion,
        history: Sequence[Turn],
        *,
        model: str,
        key: str | None,
    ) -> AnswerCharge | Replayed:
        """A charge, or what was answered to the same request before.

        Args:
            context: Whose question it is.
            question: What is asked.
            history: Earlier turns that the model will be given.
            model: Who is asked to write first.
            key: The client's idempotency key.
        """
        allowed = question.max_tokens

        def shorter(denials: tuple[Denial, ...], prices: PriceList) -> Bounds | None:
            nonlocal allowed
            fitting = _longest(
                denials, prices, allowed, lambda tokens: self.bounds(question, history, model, tokens)
            )
            if fitting is None:
                return None
            allowed = fitting
            return self.bounds(question, history, model, allowed)

        bounds = self.bounds(question, history, model, allowed)
        asked = Asked(FEATURE, _request(question), key, self._limits.deadline_s)
        charge = await self._charges.open(context, asked, bounds, shorter)
        if isinstance(charge, Replayed):
            return charge
        return AnswerCharge(charge, question.max_tokens, allowed)

    def bounds(self, question: ChatQuestion, history: Sequence[Turn], model: str, max_tokens: int) -> Bounds:
        """What an answer of `max_tokens` takes at most, also where a model fails and another one answers."""
        limits, searches = self._limits, question.enable_rag
        said = sum(tokens_of(turn.text) + _TURN_TOKENS for turn in history)
        spoken = math.ceil(limits.token_factor * (tokens_of(question.message) + said)) + _INSTRUCTION_TOKENS
        passages = limits.context_tokens if searches else 0
        models: dict[tuple[Meter, str], int] = {}
        if model not in _UNPROMPTED:
            rewrites = searches and limits.rewrites and bool(history)
            prompts = spoken + passages + (spoken if rewrites else 0)
            models |= {
                (Meter.INPUT_TOKENS, model): prompts,
                (Meter.CACHED_TOKENS, model): prompts,
                (Meter.OUTPUT_TOKENS, model): max_tokens + (_REWRITING_TOKENS if rewrites else 0),
                (Meter.COMPUTE_MS, model): limits.compute_ms,
            }
        if searches:
            models |= {
                (Meter.INPUT_TOKENS, "extractive"): passages + spoken,
                (Meter.OUTPUT_TOKENS, "extractive"): max_tokens + _REMAINDER_TOKENS,
                (Meter.RERANK_CALLS, ANY): limits.rerank_calls,
            }
        models[Meter.EMBEDDING_TOKENS, ANY] = limits.embedding_tokens
        return Bounds({**_ANSWERED, Meter.CONCURRENT_REQUESTS: 1}, models)


def _longest(
    denials: Sequence[Denial], prices: PriceList, asked: int, bounds: Callable[[int], Bounds]
) -> int | None:
    """The longest answer below `asked` that all limits allow; `None` if none does, or other limits deny."""
    if any(denial.meter not in _SHRINKING for denial in denials):
        return None
    lengths = range(LEAST_TOKENS, asked)

    def fitting_to(denial: Denial) -> int:
        return bisect_right(
            lengths, denial.remaining, key=lambda tokens: bounds(tokens).units(prices)[denial.meter]
        )

    fitting = min(map(fitting_to, denials))
    return lengths[fitting - 1] if fitting else None


def _request(question: ChatQuestion) -> dict[str, Any]:
    """All that is asked for; how the answer is sent is no part of it."""
    return dict(plain(question))
