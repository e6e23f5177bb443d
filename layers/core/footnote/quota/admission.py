"""Admission: reserve before, settle after, exactly once (reliability.md, a)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid5

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, FootnoteError, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.platform.logging import get_logger
from footnote.quota.errors import (
    BudgetExceeded,
    IdempotencyKeyReused,
    PlatformBudgetExceeded,
    QuotaExceeded,
    QuotaUnavailable,
    RequestInProgress,
    TooManyAtOnce,
)
from footnote.quota.meters import Meter
from footnote.quota.models import (
    Denial,
    Denied,
    HoldRequest,
    InProgress,
    Mismatch,
    Replayed,
    Reservation,
    Reserved,
    Settlement,
    Used,
)
from footnote.quota.ports import QuotaStore

logger = get_logger("quota")

# A hold outlives the work it is for by so much (reliability.md, a).
_GRACE_S = 30
# A call that failed within so many seconds is repeated once: a store that hangs would hang again.
_REPEAT_WITHIN_S = 1.5
_Answer = TypeVar("_Answer")
_CHARGED = frozenset({"settled", "late"})
# What is left may shrink again before less is asked for.
_LESSER_TRIES = 3
# A worker that has lost fenced work may still reserve once after its hold was ended.
_FENCED_TRIES = 3
Lesser = Callable[[tuple[Denial, ...]], Mapping[Meter, int] | None]
_WINDOWS = {
    Meter.MESSAGES: "Monthly message",
    Meter.API_CALLS: "Daily API call",
    Meter.STORAGE_BYTES: "Storage",
    Meter.DOCUMENTS: "Document",
}


@dataclass(frozen=True, slots=True)
class Work:
    """What a request is about to do.

    Attributes:
        feature: See `HoldRequest`.
        units: Upper bounds by meter.
        request: All that the request asks for, as JSON; with another content an idempotency key is refused.
        key: The client's `Idempotency-Key`; without one every request is its own.
        limit_s: Seconds that the work may take at most.
    """

    feature: str
    units: Mapping[Meter, int]
    request: Mapping[str, Any]
    key: str | None = None
    limit_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Hold:
    """An open hold in the hands of the work that it was made for."""

    reserved: Reserved
    is_repeatable: bool

    def settlement(
        self, used: tuple[Used, ...], *, price_version: int = 0, response: dict[str, Any] | None = None
    ) -> Settlement:
        """What to record. The response is kept only where a client can ask for it again."""
        kept = response if self.is_repeatable else None
        return Settlement(self.reserved.hold_id, self.reserved.attempt, used, price_version, kept)


class Admission:
    """Lets work begin, or says why not.

    Args:
        store: The authority.
        clock: Time.
    """

    def __init__(self, store: QuotaStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def admit(
        self, context: OrganizationContext, work: Work, lesser: Lesser | None = None
    ) -> Hold | Replayed:
        """Reserves what the work may use at most.

        Args:
            context: Whose work.
            work: What it is.
            lesser: Asked, where limits do not allow the units, for fewer that would do; `None` if none would.

        Returns:
            The hold; or what was answered when the same request was served before.

        Raises:
            QuotaExceeded, TooManyAtOnce, BudgetExceeded, PlatformBudgetExceeded: A limit does not allow it.
            RequestInProgress: The same request is being served.
            IdempotencyKeyReused: The key came with another request before.
            QuotaUnavailable: The store is down. Nothing was begun and nothing is charged.
        """
        request = HoldRequest(
            hold_id=hold_id_of(context, work.key),
            request_hash=_digest(work),
            feature=work.feature,
            units=work.units,
            ttl_s=round(work.limit_s) + _GRACE_S,
        )
        reservation = await self._reserve(context, request)
        for _ in range(_LESSER_TRIES):
            if lesser is None or not isinstance(reservation, Denied):
                break
            units = lesser(reservation.denials)
            if units is None:
                break
            reservation = await self._reserve(context, replace(request, units=units, call_id=new_id()))
        if isinstance(reservation, Reserved):
            return Hold(reservation, work.key is not None)
        if isinstance(reservation, Replayed):
            return reservation
        if isinstance(reservation, InProgress):
            raise RequestInProgress(
                "A request with this idempotency key is being served. Ask again shortly for its answer.",
                retry_after_s=reservation.retry_after_s,
            )
        if isinstance(reservation, Mismatch):
            raise IdempotencyKeyReused(
                "This idempotency key was used for another request. Send each request with a key of its own."
            )
        raise self._refusal(reservation)

    async def admit_fenced(
        self, context: OrganizationContext, prepare: Callable[[], Awaitable[HoldRequest]]
    ) -> Hold | Denied:
        """Reserves for work of which one worker at a time is the owner, and its hold's as well.

        Args:
            context: The organization, and the member for whom it is done.
            prepare: Makes sure that the work is the caller's, ends the open hold of an earlier owner, and
                says what is to be reserved.

        Raises:
            Conflict: Others reserve for the same work again and again.
            QuotaUnavailable: The store is down.
        """
        for _ in range(_FENCED_TRIES):
            answer = await self._reserve(context, await prepare())
            if isinstance(answer, Reserved):
                return Hold(answer, is_repeatable=False)
            if isinstance(answer, Denied):
                return answer
            if not isinstance(answer, InProgress):
                problem = f"the hold of unfinished work is closed: {type(answer).__name__}"
                raise RuntimeError(problem)  # noqa: TRY004 - no argument has a wrong type
        raise Conflict("Another worker has reserved for the same work.", retry_after_s=1)

    async def settle(self, context: OrganizationContext, settlement: Settlement) -> bool:
        """Records what was used, where no other store does it in its own transaction.

        Returns:
            Whether it is charged. False: another attempt has taken the hold over, or closed it before; the
            result must not be given away.

        Raises:
            QuotaUnavailable: It could not be recorded; the work's result must not be given away.
        """
        try:
            settled, was_repeated = await self._known(lambda: self._store.settle(context, settlement))
        except QuotaUnavailable as error:
            raise QuotaUnavailable(
                "It could not be recorded what this has used, and so its result is not given away. Send it"
                " again, with the same idempotency key if it had one: then it is charged once at most."
            ) from error
        if settled.outcome == "replayed" and was_repeated:
            return True
        if settled.outcome != "settled" or settled.over > 0:
            logger.warning("settled otherwise", extra={"outcome": settled.outcome, "over": settled.over})
        return settled.outcome in _CHARGED

    async def release(self, context: OrganizationContext, hold: Hold, cost_micro_usd: int = 0) -> None:
        """Gives everything back after a failure. If that fails as well, the hold ends by itself."""
        reserved = hold.reserved
        call = partial(self._store.release, context, reserved.hold_id, reserved.attempt, cost_micro_usd)
        try:
            await self._known(call)
        except QuotaUnavailable:
            logger.warning("a hold could not be released; it ends by itself")

    async def _reserve(self, context: OrganizationContext, request: HoldRequest) -> Reservation:
        reservation, _ = await self._known(lambda: self._store.reserve(context, request))
        return reservation

    async def _known(self, call: Callable[[], Awaitable[_Answer]]) -> tuple[_Answer, bool]:
        """The answer of a call; once more, the very same, after an unknown outcome (reliability.md, j).

        Returns:
            The answer, and whether it is that of the second time.

        Raises:
            QuotaUnavailable: It failed twice, or took too long to be tried again.
        """
        start = self._clock.monotonic()
        try:
            return await call(), False
        except ServiceUnavailable as error:
            if self._clock.monotonic() - start > _REPEAT_WITHIN_S:
                raise _unavailable() from error
        try:
            return await call(), True
        except ServiceUnavailable as error:
            raise _unavailable() from error

    def _refusal(self, denied: Denied) -> FootnoteError:
        denial = min(denied.denials, key=_gravity)
        retry_after_s = self._seconds_until(denial.reset_at)
        if denial.meter is Meter.CONCURRENT_REQUESTS:
            return TooManyAtOnce(
                f"Your plan serves {denial.limit} requests at the same time. Send this one again shortly.",
                details=_details(denial, denied.plan),
                retry_after_s=1,
            )
        if denial.meter is Meter.COST and denial.scope == "platform":
            return PlatformBudgetExceeded(
                "The service cannot take on new work right now. Try again later.", retry_after_s=3600
            )
        details = _details(denial, denied.plan)
        if denial.meter is Meter.COST:
            whose = "your own budget" if denial.scope == "member" else "the organization's budget"
            message = f"The month's spending has reached {whose}. An owner of the organization can raise it."
            return BudgetExceeded(message, details=details, retry_after_s=retry_after_s)
        name = _WINDOWS.get(denial.meter, denial.meter.value.replace("_", " ").capitalize())
        whose = "Your " + name[0].lower() + name[1:] if denial.scope == "member" else name
        return QuotaExceeded(f"{whose} quota exceeded.", details=details, retry_after_s=retry_after_s)

    def _seconds_until(self, moment: datetime | None) -> int | None:
        return None if moment is None else max(1, int((moment - self._clock.now()).total_seconds()) + 1)


def hold_id_of(context: OrganizationContext, key: str | None) -> UUID:
    """The id of the hold of a request; the same for the same member and key."""
    if key is None:
        return new_id()
    return uuid5(context.organization_id, f"{context.user_id}\n{key}")


def _digest(work: Work) -> bytes:
    asked = json.dumps({"feature": work.feature, "request": work.request}, sort_keys=True, default=str)
    return hashlib.sha256(asked.encode()).digest()


def _gravity(denial: Denial) -> tuple[bool, bool, str]:
    """What is told first: what lasts a month, then a day, then how many requests run at the same time."""
    return denial.meter is Meter.CONCURRENT_REQUESTS, denial.meter is Meter.API_CALLS, denial.meter


def _details(denial: Denial, plan: str) -> dict[str, Any]:
    """The fields of section 7 of the reference document, and which limit it is."""
    return {
        "meter": denial.meter.value,
        "scope": denial.scope,
        "plan": plan,
        "current_usage": denial.used,
        "reserved": denial.reserved,
        "requested": denial.requested,
        "limit": denial.limit,
        "reset_at": denial.reset_at.isoformat().replace("+00:00", "Z") if denial.reset_at else None,
    }


def _unavailable() -> QuotaUnavailable:
    return QuotaUnavailable(
        "It cannot be checked right now what your plan allows. Nothing was done and nothing is charged."
    )
