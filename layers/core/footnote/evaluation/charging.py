"""What a golden question costs: reserved before it is asked, charged with its result (reliability.md, a).

Each question has a hold of its own, the same in every attempt at it. Where a limit does not allow one, the
run waits: what was scored is paid for and stays, and the run goes on when there is room again. Evaluations
are what a budget that is nearly spent switches off first.
"""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid5

from footnote.billing import ANY, Bounds, Charge, Charges, PriceList
from footnote.evaluation.models import GoldenQuestion, Lease, PendingQuestion
from footnote.evaluation.ports import RunQueue
from footnote.knowledge import rerank_calls
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import Settings
from footnote.quota import (
    SAVING,
    BudgetExceeded,
    Denial,
    Denied,
    HoldRequest,
    Meter,
    PlatformBudgetExceeded,
    Terms,
)

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


class QuestionCharges:
    """Reserves for questions.

    Args:
        queue: The runs, whose fences decide whose a hold is.
        charges: Opens charges of anything.
        settings: What bounds a question's use of models.
    """

    def __init__(self, queue: RunQueue, charges: Charges, settings: Settings) -> None:
        self._queue = queue
        self._charges = charges
        self._settings = settings

    async def open(self, context: OrganizationContext, lease: Lease, pending: PendingQuestion) -> Charge:
        """A charge of what asking the question uses; the transaction that stores its result settles it.

        Raises:
            Paused: A limit does not allow it, or the budget's stage does not.
            ServiceUnavailable: It cannot be known what may be used.
            Conflict: The lease is lost.
        """
        hold_id = hold_id_of(lease.run.id, pending.position)
        digest = hashlib.sha256(f"{lease.run.id}:{pending.position}".encode()).digest()
        most = bounds(self._settings, pending.question)

        async def prepare(prices: PriceList) -> HoldRequest:
            await self._queue.prepare_hold(context, lease, hold_id)
            hold_s = self._settings.evaluation.hold_s
            return HoldRequest(hold_id, digest, FEATURE, most.units(prices), hold_s)

        charge = await self._charges.open_fenced(context, prepare)
        if isinstance(charge, Denied):
            raise Paused(_refusal(charge.denials[0], charge.plan))
        reserved = charge.hold.reserved
        if SAVING & {reserved.stage, reserved.platform_stage}:
            await charge.release()
            raise Paused(_OWN_BUDGET if reserved.stage in SAVING else _PLATFORM_BUDGET)
        return charge


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
