"""`Admission` on the real store: refusals that a client can act on, and answers that are lost."""

from datetime import datetime

import pytest

from footnote.platform.errors import ServiceUnavailable
from footnote.quota import (
    Admission,
    BudgetExceeded,
    IdempotencyKeyReused,
    Meter,
    PlatformBudgetExceeded,
    QuotaExceeded,
    QuotaUnavailable,
    Replayed,
    RequestInProgress,
    TooManyAtOnce,
    Work,
)
from tests.support.clock import ManualClock
from tests.support.quota import CHAT, USED, limit, query, swept, window


async def admitted(admission, context, units, **fields):
    return await admission.admit(context, Work("chat", units, {"question": "Why?"}, **fields))


async def test_admission_says_what_a_client_can_act_on(store, context, dsn):
    admission = Admission(store, ManualClock())
    await admitted(admission, context, {Meter.MESSAGES: 2})
    with pytest.raises(QuotaExceeded) as quota:
        await admitted(admission, context, {Meter.MESSAGES: 1})
    assert quota.value.status == 429
    details = quota.value.details
    reset = datetime.fromisoformat(details["reset_at"])
    assert (details["current_usage"], details["reserved"], details["limit"]) == (0, 2, 2)
    assert (reset.day, reset.hour) == (1, 0)
    assert 0 < quota.value.retry_after_s <= 31 * 24 * 3600 + 1
    limit(dsn, context.organization_id, {"concurrent_requests": 0})
    with pytest.raises(TooManyAtOnce):
        await admitted(admission, context, {Meter.CONCURRENT_REQUESTS: 1})
    limit(dsn, context.organization_id, {}, cost_limit=1)
    with pytest.raises(BudgetExceeded):
        await admitted(admission, context, {Meter.COST: 2})
    query(dsn, "UPDATE quota.platform_budget SET stage = 'emergency'")
    with pytest.raises(PlatformBudgetExceeded):
        await admitted(admission, context, {Meter.COST: 1})


async def test_admission_answers_keys(store, context):
    admission = Admission(store, ManualClock())
    hold = await admitted(admission, context, CHAT, key="a key")
    with pytest.raises(RequestInProgress):
        await admitted(admission, context, CHAT, key="a key")
    await admission.settle(context, hold.settlement(USED, response={"answer": 42}))
    assert await admitted(admission, context, CHAT, key="a key") == Replayed({"answer": 42})
    with pytest.raises(IdempotencyKeyReused):
        await admission.admit(context, Work("chat", CHAT, {"question": "What?"}, key="a key"))


class Losing:
    """A store whose answers are lost after it has done what it was asked: `times` of them."""

    def __init__(self, store, times):
        self._store, self._times = store, times

    def __getattr__(self, name):
        async def call(*arguments):
            answer = await getattr(self._store, name)(*arguments)
            if self._times:
                self._times -= 1
                raise ServiceUnavailable("the answer was lost")
            return answer

        return call


@pytest.mark.parametrize("key", [None, "a key"])
async def test_a_lost_answer_is_asked_for_once_more(store, context, dsn, key):
    hold = await admitted(Admission(Losing(store, 1), ManualClock()), context, CHAT, key=key)
    assert hold.reserved.attempt == 1
    await Admission(Losing(store, 1), ManualClock()).settle(context, hold.settlement(USED))
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (1, 0)


async def test_twice_lost_is_unavailable_and_what_was_reserved_ends_by_itself(store, context, dsn):
    with pytest.raises(QuotaUnavailable):
        await admitted(Admission(Losing(store, 2), ManualClock()), context, CHAT)
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 1)
    swept(dsn)
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 0)


async def test_a_store_that_hangs_is_not_asked_again(context):
    clock, calls = ManualClock(), []

    class Hanging:
        async def reserve(self, *arguments):
            calls.append(arguments)
            clock.advance(4)
            raise ServiceUnavailable("no answer in time")

    with pytest.raises(QuotaUnavailable):
        await admitted(Admission(Hanging(), clock), context, CHAT)
    assert len(calls) == 1
