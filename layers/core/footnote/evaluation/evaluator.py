"""The evaluator: works off the runs that wait, question by question, in bounded pieces.

Every result is committed by itself, so that a worker that is killed costs the question it was at. A run
is leased and fenced by a counter: whoever lost the lease writes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from footnote.evaluation.asking import ask
from footnote.evaluation.charging import Paused, QuestionCharges
from footnote.evaluation.models import Lease, PendingQuestion
from footnote.evaluation.ports import RunQueue, Subject, Subjects
from footnote.evaluation.scoring import score
from footnote.evaluation.summary import summarise
from footnote.models import collecting_usage
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, FootnoteError, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import EvaluationSettings

logger = get_logger("evaluator")

_DUE = 20
_BATCH = 10
_GIVEN_UP = "The run was interrupted {attempts} times without getting any further, the last time by: {reason}"
_DEFECT = "an internal error, which is in the log."
_KILLED = "the worker ended without a word."


@dataclass(slots=True)
class _Work:
    """A claimed run; `attempts` counts claims since the last result."""

    context: OrganizationContext
    lease: Lease
    attempts: int


class Evaluator:
    """Works off runs.

    Args:
        queue: The runs.
        subjects: Makes what is measured of a run's overrides.
        charges: Reserves for questions.
        settings: Lease, attempts, and how long one run is worked on before another has its turn.
        clock: Time.
    """

    def __init__(
        self,
        queue: RunQueue,
        subjects: Subjects,
        charges: QuestionCharges,
        settings: EvaluationSettings,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._subjects = subjects
        self._charges = charges
        self._settings = settings
        self._clock = clock

    async def work(self, time_s: float) -> dict[str, int]:
        """Works until nothing waits or the time is over; how much was done.

        Args:
            time_s: Time limit in seconds. What is not done by then is left to the next invocation.

        Raises:
            ServiceUnavailable: The store cannot be reached; the next invocation goes on.
        """
        ends = self._clock.monotonic() + time_s
        done = {"questions": 0, "completed": 0, "failed": 0}
        while self._clock.monotonic() < ends:
            due = await self._queue.due(_DUE)
            taken = False
            for organization_id, run_id in due:
                if self._clock.monotonic() >= ends:
                    break
                taken = await self._take(organization_id, run_id, ends, done) or taken
            if not taken:
                break
        return done

    async def _take(self, organization_id: UUID, run_id: UUID, ends: float, done: dict[str, int]) -> bool:
        context = OrganizationContext(organization_id)
        lease = await self._queue.claim(context, run_id, self._settings.lease_s)
        if lease is None:
            return False
        # On behalf of the member who started the run: nobody learns more by it than that member may.
        context = replace(context, user_id=lease.run.created_by)
        slice_ends = min(ends, self._clock.monotonic() + self._settings.slice_s)
        work = _Work(context, lease, lease.attempts)
        try:
            await self._continue(work, lambda: self._clock.monotonic() < slice_ends, done)
        except Paused as error:
            logger.info("a run waits", extra={"run_id": str(run_id)})
            await self._queue.pause(context, lease, error.reason, self._settings.pause_s)
        except ServiceUnavailable as error:
            await self._interrupted(work, error.message, done)
        except Conflict:
            logger.info("a run was taken away", extra={"run_id": str(run_id)})
        except FootnoteError as error:
            await self._queue.fail(context, lease, error.message)
            done["failed"] += 1
        except Exception:
            # A defect that one question brings to light must not keep the other runs waiting.
            logger.exception("a run was interrupted", extra={"run_id": str(run_id)})
            await self._interrupted(work, _DEFECT, done)
        return True

    async def _continue(self, work: _Work, has_time: Callable[[], bool], done: dict[str, int]) -> None:
        context, lease = work.context, work.lease
        if work.attempts > self._settings.max_attempts:
            await self._give_up(work, _KILLED, done)
            return
        subject = self._subjects(lease.run.overrides)
        while has_time():
            pending = await self._queue.pending(context, lease.run.id, _BATCH)
            if not pending:
                summary = summarise(await self._queue.all_results(context, lease.run.id))
                await self._queue.finish(context, lease, summary)
                done["completed"] += 1
                return
            for one in pending:
                if not has_time():
                    break
                await self._ask(subject, work, one)
                done["questions"] += 1
        await self._queue.give_back(context, lease)

    async def _ask(self, subject: Subject, work: _Work, pending: PendingQuestion) -> None:
        context, lease = work.context, work.lease
        async with await self._charges.open(context, lease, pending) as charge:
            with collecting_usage(charge.usage):
                result = score(await ask(subject, context, pending.question, self._clock))
            used, lease_s = charge.settlement({}), self._settings.lease_s
            await self._queue.save(context, lease, pending.position, result, lease_s, used)
            charge.is_settled = True
        work.attempts = 1

    async def _interrupted(self, work: _Work, reason: str, done: dict[str, int]) -> None:
        """Tries again later, until it was tried often enough without getting further."""
        facts = {"run_id": str(work.lease.run.id), "attempts": work.attempts}
        logger.warning("a run was interrupted", extra=facts)
        if work.attempts >= self._settings.max_attempts:
            await self._give_up(work, reason, done)
            return
        retry_in_s = self._settings.retry_s * 2 ** (work.attempts - 1)
        await self._queue.give_back(work.context, work.lease, retry_in_s)

    async def _give_up(self, work: _Work, reason: str, done: dict[str, int]) -> None:
        attempts = min(work.attempts, self._settings.max_attempts)
        await self._queue.fail(work.context, work.lease, _GIVEN_UP.format(attempts=attempts, reason=reason))
        done["failed"] += 1
