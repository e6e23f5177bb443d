"""What a golden question costs: reserved before it is asked, charged with its result (reliability.md, a).

Each question has a hold of its own, the same in every attempt at it. Where a limit does not allow one, the
run waits: what was scored is paid for and stays, and the run goes on when there is room again. Evaluations
are what a budget that is nearly spent switches off first.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid5

from footnote.billing import ANY, Bounds, PriceList, Prices, used_lines
from footnote.evaluation.models import GoldenQuestion, Lease, PendingQuestion
from footnote.evaluation.ports import RunQueue
from footnote.knowledge import rerank_calls
from footnote.models import ModelUsage, collecting_usage
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import Settings
from footnote.quota import (
    SAVING,
    BudgetExceeded,
    Denial,
    Denied,
    HoldRequest,
    Meter,
    PlatformBudgetExceeded,
    QuotaStore,
    Reserved,
    Settlement,
    Terms,
    Used,
    reserve_fenced,
)

logger = get_logger("evaluator")

FEATURE = "evaluation"
_OWN_BUDGET = (
    "The organization's budget for this month is nearly spent, and evaluations are switched off before"
    " answers are. An owner of the organization can raise it."
)
_PLATFORM_BUDGET = "The service takes on no evaluations right now."

# What one question asks of models at most: searched twice, answered once, and its answer compared.
_SEARCHES = 2
_NO_MODEL = "extractive"
_REWRITING_TOKENS = 128
_ANSWER_TOKENS = 512
_REMAINDER_TOKENS = 100
_EMBEDDED_TEXTS = 96


class Paused(Exception):
    """A limit does not allow the next question; `reason` is for whoever waits for the run."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A reservation for one question, and what was used of it so far."""

    reserved: Reserved
    prices: PriceList
    usage: ModelUsage

    @property
    def used(self) -> tuple[Used, ...]:
        """What models were used for, with its cost."""
        return used_lines(self.usage, self.prices)

    def settlement(self) -> Settlement:
        """What is recorded with the question's result."""
        return Settlement(self.reserved.hold_id, self.reserved.attempt, self.used, self.prices.version)


class QuestionCharges:
    """Reserves for questions.

    Args:
        queue: The runs, whose fences decide whose a hold is.
        quota: Holds.
        prices: What models cost.
        settings: What bounds a question's use of models.
    """

    def __init__(self, queue: RunQueue, quota: QuotaStore, prices: Prices, settings: Settings) -> None:
        self._queue = queue
        self._quota = quota
        self._prices = prices
        self._settings = settings

    @asynccontextmanager
    async def hold(
        self, context: OrganizationContext, lease: Lease, pending: PendingQuestion
    ) -> AsyncIterator[OpenHold]:
        """A hold for what the block asks, which ends with the result that settles it.

        If the block fails, everything is given back, and what it has cost goes to the internal ledger.

        Raises:
            Paused: A limit does not allow it, or the budget's stage does not.
            ServiceUnavailable: It cannot be known what may be used.
            Conflict: The lease is lost.
        """
        prices = await self._prices.current()
        reserved = await self._reserve(context, lease, pending, prices)
        if SAVING & {reserved.stage, reserved.platform_stage}:
            await self._quota.release(context, reserved.hold_id, reserved.attempt)
            raise Paused(_OWN_BUDGET if reserved.stage in SAVING else _PLATFORM_BUDGET)
        with collecting_usage() as usage:
            hold = OpenHold(reserved, prices, usage)
            try:
                yield hold
            except (Exception, asyncio.CancelledError):
                await self._release(context, hold)
                raise

    async def _reserve(
        self, context: OrganizationContext, lease: Lease, pending: PendingQuestion, prices: PriceList
    ) -> Reserved:
        hold_id = hold_id_of(lease.run.id, pending.position)
        units = bounds(self._settings, pending.question).units(prices)
        digest = hashlib.sha256(f"{lease.run.id}:{pending.position}".encode()).digest()
        request = HoldRequest(hold_id, digest, FEATURE, units, self._settings.evaluation.hold_s)

        async def prepare() -> HoldRequest:
            await self._queue.prepare_hold(context, lease, hold_id)
            return request

        answer = await reserve_fenced(self._quota, context, prepare)
        if isinstance(answer, Denied):
            raise Paused(_refusal(answer.denials[0], answer.plan))
        return answer

    async def _release(self, context: OrganizationContext, hold: OpenHold) -> None:
        cost = sum(used.cost_micro_usd for used in hold.used)
        try:
            await self._quota.release(context, hold.reserved.hold_id, hold.reserved.attempt, cost)
        except ServiceUnavailable:
            logger.warning("a hold could not be released; it ends by itself")


def hold_id_of(run_id: UUID, position: int) -> UUID:
    """The hold of a run's question, the same in every attempt at it."""
    return uuid5(run_id, f"question:{position}")


def bounds(settings: Settings, question: GoldenQuestion) -> Bounds:
    """What a question uses at most, also where the model fails and sentences of documents answer.

    No model takes in more than its window.
    """
    generation, texts = settings.generation, _EMBEDDED_TEXTS + len(question.answers)
    models = {
        (Meter.EMBEDDING_TOKENS, ANY): texts * settings.embedding.window_tokens,
        (Meter.RERANK_CALLS, ANY): _SEARCHES * rerank_calls(settings),
        (Meter.INPUT_TOKENS, _NO_MODEL): generation.context_tokens,
        (Meter.OUTPUT_TOKENS, _NO_MODEL): _ANSWER_TOKENS + _REMAINDER_TOKENS,
    }
    if generation.base_url:
        rewritings = _SEARCHES if question.history and settings.retrieval.rewrite_with_model else 0
        prompt_tokens = (1 + rewritings) * generation.context_tokens
        compute_ms = 1000 * settings.evaluation.question_s if generation.self_hosted else 0
        models |= {
            (Meter.INPUT_TOKENS, generation.model): prompt_tokens,
            (Meter.CACHED_TOKENS, generation.model): prompt_tokens,
            (Meter.OUTPUT_TOKENS, generation.model): _ANSWER_TOKENS + rewritings * _REWRITING_TOKENS,
            (Meter.COMPUTE_MS, generation.model): compute_ms,
        }
    return Bounds({}, models)


def check_switched_on(terms: Terms) -> None:
    """Refuses new evaluations where a budget is nearly spent.

    Raises:
        BudgetExceeded: It is the organization's.
        PlatformBudgetExceeded: It is the platform's.
    """
    if terms.stage in SAVING:
        details = {
            "meter": Meter.COST.value,
            "scope": "organization",
            "plan": terms.plan,
            "stage": terms.stage,
        }
        raise BudgetExceeded(_OWN_BUDGET, details=details)
    if terms.platform_stage in SAVING:
        raise PlatformBudgetExceeded(f"{_PLATFORM_BUDGET} Try again later.", retry_after_s=3600)


def _refusal(denial: Denial, plan: str) -> str:
    if denial.meter is Meter.COST:
        if denial.scope == "platform":
            return _PLATFORM_BUDGET
        whose = "the budget of the member who started it" if denial.scope == "member" else "the budget"
        return f"The month's spending has reached {whose}. An owner of the organization can raise it."
    name = denial.meter.value.replace("_", " ")
    resets = f" It begins anew at {denial.reset_at:%Y-%m-%d %H:%M} UTC." if denial.reset_at else ""
    return f"The plan {plan} has {denial.limit} {name}, which are used up.{resets}"
