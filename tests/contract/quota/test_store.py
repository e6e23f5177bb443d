"""The contract of `QuotaStore` on real Postgres: every outcome, every rule (reliability.md, a and b)."""

from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from footnote.platform.ids import new_id
from footnote.quota import (
    Denied,
    InProgress,
    Meter,
    Mismatch,
    Replayed,
    Reserved,
    Settlement,
    Used,
)
from tests.support.organizations import new_member
from tests.support.quota import (
    CHAT,
    USED,
    limit,
    moved_clock,
    query,
    request_of,
    swept,
    window,
)


async def reserved_by(store, context, units=CHAT, **fields):
    answer = await store.reserve(context, request_of(units, **fields))
    assert isinstance(answer, Reserved), answer
    return answer


def settlement_of(reserved, used=USED, **fields):
    return Settlement(reserved.hold_id, reserved.attempt, used, **fields)


def costs(dsn, hold_id):
    statement = (
        "SELECT attempt, source, cost_micro_usd, window_start::date::text FROM quota.cost_ledger"
        " WHERE hold_id = %s ORDER BY attempt, source"
    )
    return query(dsn, statement, hold_id)


async def test_a_settlement_records_what_was_used_and_frees_the_rest(store, context, dsn):
    reserved = await reserved_by(store, context)
    assert (reserved.plan, reserved.tokens_per_message, reserved.attempt) == ("tight", 900, 1)
    assert window(dsn, context.organization_id, Meter.INPUT_TOKENS) == (0, 100)
    settled = await store.settle(context, settlement_of(reserved, price_version=7))
    assert (settled.outcome, settled.over) == ("settled", 0)
    assert window(dsn, context.organization_id, Meter.INPUT_TOKENS) == (60, 0)
    assert window(dsn, context.organization_id, Meter.COST) == (20, 0)
    rows = query(
        dsn,
        "SELECT meter, model, units, cost_micro_usd, price_version, user_id FROM quota.usage_ledger"
        " WHERE hold_id = %s ORDER BY meter",
        reserved.hold_id,
    )
    assert rows == [
        ("input_tokens", "a-model", 60, 20, 7, context.user_id),
        ("messages", "", 1, 0, 7, context.user_id),
    ]
    events = query(
        dsn, "SELECT topic, payload -> 'lines' FROM quota.outbox WHERE payload ->> 'hold_id' = %s",
        str(reserved.hold_id),
    )  # fmt: skip
    assert [(topic, len(lines)) for topic, lines in events] == [("usage.recorded", 2)]


async def test_settled_twice_is_charged_once_and_gives_the_answer_again(store, context):
    reserved = await reserved_by(store, context)
    await store.settle(context, settlement_of(reserved, response={"answer": 42}))
    again = await store.settle(context, settlement_of(reserved, response={"answer": 43}))
    assert (again.outcome, again.response) == ("replayed", {"answer": 42})


async def test_the_same_call_is_told_its_reservation_again(store, context, dsn):
    """The answer of the first was lost; another request with the same hold only waits."""
    request = request_of(CHAT)
    first = await store.reserve(context, request)
    assert await store.reserve(context, request) == first
    other = await store.reserve(context, replace(request, call_id=new_id()))
    assert isinstance(other, InProgress)
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 1)


async def test_another_body_with_the_same_hold_is_a_mismatch_in_every_state(store, context):
    request = request_of(CHAT)
    reserved = await store.reserve(context, request)
    changed = replace(request, request_hash=b"another")
    assert await store.reserve(context, changed) == Mismatch()
    await store.settle(context, settlement_of(reserved))
    assert await store.reserve(context, changed) == Mismatch()


async def test_a_served_request_is_replayed(store, context):
    request = request_of(CHAT)
    reserved = await store.reserve(context, request)
    await store.settle(context, settlement_of(reserved, response={"answer": 42}))
    assert await store.reserve(context, replace(request, call_id=new_id())) == Replayed({"answer": 42})


async def test_a_denial_names_every_limit_and_leaves_nothing(store, context, dsn):
    limit(dsn, context.organization_id, {"messages": 0, "input_tokens": 99, "api_calls": 5})
    answer = await store.reserve(context, request_of({**CHAT, Meter.API_CALLS: 1}))
    assert isinstance(answer, Denied)
    assert [
        (one.meter, one.scope, one.limit, one.used, one.reserved, one.requested) for one in answer.denials
    ] == [
        (Meter.INPUT_TOKENS, "organization", 99, 0, 0, 100),
        (Meter.MESSAGES, "organization", 0, 0, 0, 1),
    ]
    assert all(one.reset_at > datetime.now(UTC) for one in answer.denials)
    assert all(one.remaining == (99 if one.limit else 0) for one in answer.denials)
    mine = "SELECT count(*) FROM quota.holds WHERE organization_id = %s"
    assert query(dsn, mine, context.organization_id) == [(0,)]
    assert window(dsn, context.organization_id, Meter.API_CALLS) == (0, 0)


async def test_what_a_released_hold_reserved_is_free_and_its_cost_internal(store, context, dsn):
    reserved = await reserved_by(store, context)
    await store.release(context, reserved.hold_id, reserved.attempt, 13)
    await store.release(context, reserved.hold_id, reserved.attempt, 13)
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 0)
    assert window(dsn, context.organization_id, Meter.COST) == (13, 0)
    assert [row[:3] for row in costs(dsn, reserved.hold_id)] == [(1, "released", 13)]
    assert (await store.settle(context, settlement_of(reserved))).outcome == "replayed"
    again = await reserved_by(store, context, hold_id=reserved.hold_id)
    assert again.attempt == 2


async def test_a_late_settlement_is_charged_in_place_of_its_estimate(store, context, dsn):
    reserved = await reserved_by(store, context)
    swept(dsn)
    assert window(dsn, context.organization_id, Meter.COST) == (50, 0)
    assert (await store.settle(context, settlement_of(reserved))).outcome == "late"
    assert window(dsn, context.organization_id, Meter.COST) == (20, 0)
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (1, 0)
    assert [row[:3] for row in costs(dsn, reserved.hold_id)] == [(1, "correction", -50), (1, "expired", 50)]


async def test_a_late_settlement_may_exceed_the_limit_and_says_by_how_much(store, context, dsn):
    late = await reserved_by(store, context, {Meter.MESSAGES: 2})
    swept(dsn)
    other = await reserved_by(store, context, {Meter.MESSAGES: 2})
    await store.settle(context, settlement_of(other, (Used(Meter.MESSAGES, 2),)))
    settled = await store.settle(context, settlement_of(late, (Used(Meter.MESSAGES, 2),)))
    assert (settled.outcome, settled.over) == ("late", 2)


async def test_a_release_after_the_end_puts_the_true_cost_for_the_estimate(store, context, dsn):
    reserved = await reserved_by(store, context)
    swept(dsn)
    await store.release(context, reserved.hold_id, 1, 8)
    assert window(dsn, context.organization_id, Meter.COST) == (8, 0)


async def test_what_nothing_was_dispatched_for_leaves_no_estimate(store, context, dsn):
    reserved = await reserved_by(store, context, dispatched=False)
    swept(dsn)
    assert costs(dsn, reserved.hold_id) == []
    assert window(dsn, context.organization_id, Meter.COST) == (0, 0)


async def test_a_stale_attempt_costs_the_platform_in_its_own_month(module_database, store, context, dsn):
    """Reserved and expired in January, reopened in February: the old attempt's true cost is January's."""
    with moved_clock(dsn, "2027-01-31 23:00+00") as clock:
        first = await reserved_by(store, context)
        swept(dsn)
        clock.set("2027-02-01 01:00+00")
        second = await reserved_by(store, context, hold_id=first.hold_id)
        assert second.attempt == 2
        for _ in range(2):
            assert (await store.settle(context, settlement_of(first))).outcome == "stale"
        assert (await store.settle(context, settlement_of(second))).outcome == "settled"
    assert costs(dsn, first.hold_id) == [
        (1, "correction", -50, "2027-01-01"),
        (1, "expired", 50, "2027-01-01"),
        (1, "stale", 20, "2027-01-01"),
    ]
    months = query(
        dsn,
        "SELECT window_start::date::text, committed FROM quota.windows"
        " WHERE organization_id = %s AND subject = organization_id AND meter = 'cost' ORDER BY 1",
        context.organization_id,
    )
    assert months == [("2027-01-01", 20), ("2027-02-01", 20)]
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (1, 0)


async def test_a_key_that_was_forgotten_can_be_used_again(store, context, dsn):
    first = await reserved_by(store, context)
    await store.settle(context, settlement_of(first))
    query(
        dsn, "UPDATE quota.holds SET keep_until = now() - interval '1 day' WHERE hold_id = %s", first.hold_id
    )
    assert query(dsn, "SELECT metering.purge_holds(10)") == [(1,)]
    second = await reserved_by(store, context, hold_id=first.hold_id)
    assert second.attempt == 2
    assert (await store.settle(context, settlement_of(second))).outcome == "settled"
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (2, 0)


async def test_open_holds_and_those_of_open_windows_are_never_forgotten(store, context, dsn):
    held = await reserved_by(store, context)
    await store.settle(context, settlement_of(await reserved_by(store, context)))
    query(
        dsn, "UPDATE quota.holds SET keep_until = now() - interval '1 day' WHERE hold_id = %s", held.hold_id
    )
    assert query(dsn, "SELECT metering.purge_holds(10)") == [(0,)]


async def test_use_beyond_what_the_hold_names_is_a_defect(store, context, dsn):
    reserved = await reserved_by(store, context)
    for used in (Used(Meter.RERANK_CALLS, 1), Used(Meter.COST, 1)):
        with pytest.raises(psycopg.errors.RaiseException):
            await store.settle(context, settlement_of(reserved, (used,)))
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 1)
    with pytest.raises(psycopg.errors.RaiseException, match="not negative"):
        await store.reserve(context, request_of({Meter.MESSAGES: -1}))


async def test_a_member_cap_holds_beside_the_organizations_limit(module_database, store, context, dsn):
    limit(dsn, context.organization_id, {"messages": 10})
    other = new_member(module_database, context)
    everyone = "INSERT INTO quota.member_caps VALUES (%s, %s, 'messages', %s)"
    query(dsn, everyone, context.organization_id, "00000000-0000-0000-0000-000000000000", 1)
    query(dsn, everyone, context.organization_id, context.user_id, 2)
    await reserved_by(store, other, {Meter.MESSAGES: 1})
    answer = await store.reserve(other, request_of({Meter.MESSAGES: 1}))
    assert isinstance(answer, Denied)
    assert (answer.denials[0].scope, answer.denials[0].limit) == ("member", 1)
    for _ in range(2):
        await reserved_by(store, context, {Meter.MESSAGES: 1})
    assert isinstance(await store.reserve(context, request_of({Meter.MESSAGES: 1})), Denied)
    background = replace(context, user_id=None)
    await reserved_by(store, background, {Meter.MESSAGES: 7})
    found = await store.windows(context, [context.user_id, other.user_id])
    limits = {(one.user_id, one.limit, one.reserved) for one in found}
    assert limits == {(None, 10, 10), (context.user_id, 2, 2), (other.user_id, 1, 1)}


async def test_use_without_a_limit_counts_when_one_comes(store, context, dsn):
    limit(dsn, context.organization_id, {"messages": None})
    for _ in range(3):
        await store.settle(context, settlement_of(await reserved_by(store, context)))
    limit(dsn, context.organization_id, {"messages": 4})
    await reserved_by(store, context)
    assert isinstance(await store.reserve(context, request_of(CHAT)), Denied)
    limit(dsn, context.organization_id, {"messages": 1})
    (messages,) = [one for one in await store.windows(context) if one.meter is Meter.MESSAGES]
    assert (messages.limit, messages.committed, messages.remaining) == (1, 3, 0)


async def test_levels_have_no_period_and_come_back(store, context, dsn):
    limit(dsn, context.organization_id, {"concurrent_requests": 1, "storage_bytes": 100})
    with moved_clock(dsn, "2027-01-31 23:00+00") as clock:
        one = await reserved_by(store, context, {Meter.CONCURRENT_REQUESTS: 1, Meter.STORAGE_BYTES: 60})
        clock.set("2027-02-01 01:00+00")
        denied = await store.reserve(context, request_of({Meter.CONCURRENT_REQUESTS: 1}))
        assert isinstance(denied, Denied)
        assert denied.denials[0].reset_at is None
        await store.settle(context, settlement_of(one, (Used(Meter.STORAGE_BYTES, 55),)))
        await reserved_by(store, context, {Meter.CONCURRENT_REQUESTS: 1, Meter.STORAGE_BYTES: 45})
        event = new_id()
        for is_new in (True, False):
            given = await store.adjust(context, event, "documents", {Meter.STORAGE_BYTES: -50})
            assert given is is_new
        assert window(dsn, context.organization_id, Meter.STORAGE_BYTES) == (5, 45)


async def test_periods_begin_in_the_organizations_time_zone(store, context, dsn):
    query(
        dsn,
        "UPDATE quota.entitlements SET time_zone = 'Pacific/Auckland' WHERE organization_id = %s",
        context.organization_id,
    )
    with moved_clock(dsn, "2027-01-31 12:00+00"):
        await reserved_by(store, context, {Meter.MESSAGES: 1, Meter.API_CALLS: 1})
        found = {one.meter: (one.started_at, one.reset_at) for one in await store.windows(context)}
    start = datetime(2027, 1, 31, 11, tzinfo=UTC)
    assert found[Meter.MESSAGES] == (start, datetime(2027, 2, 28, 11, tzinfo=UTC))
    assert found[Meter.API_CALLS] == (start, datetime(2027, 2, 1, 11, tzinfo=UTC))


async def test_warnings_come_once_for_each_threshold_and_limit(store, context, dsn):
    def told():
        return query(
            dsn,
            "SELECT (payload ->> 'limit')::int, (payload ->> 'threshold')::int FROM quota.outbox"
            " WHERE organization_id = %s AND topic = 'quota.warning' AND payload ->> 'user_id' IS NULL"
            " ORDER BY 1, 2",
            context.organization_id,
        )

    limit(dsn, context.organization_id, {"messages": 10})
    seen = []
    for _ in range(10):
        one = await reserved_by(store, context, {Meter.MESSAGES: 1})
        await store.settle(context, settlement_of(one, (Used(Meter.MESSAGES, 1),)))
        seen.append([threshold for _, threshold in told()])
    assert seen == [[]] * 4 + [[50]] * 3 + [[50, 80], [50, 80, 90], [50, 80, 90, 100]]
    for lim in (20, 10, 20):  # another limit, back and forth: each tells its own once
        limit(dsn, context.organization_id, {"messages": lim})
        one = await reserved_by(store, context, {Meter.MESSAGES: 0})
        await store.settle(context, settlement_of(one, ()))
    assert told() == [(10, 50), (10, 80), (10, 90), (10, 100), (20, 50)]


async def test_the_platforms_budget_closes_and_opens_again(store, context, dsn):
    month = (
        "SELECT coalesce(sum(committed + reserved), 0)::bigint FROM quota.platform_windows"
        " WHERE window_start = date_trunc('month', now(), 'UTC')"
    )
    query(dsn, f"SELECT quota.set_platform_budget(({month}) + 99)")
    one = await reserved_by(store, context, {Meter.COST: 50})
    denied = await store.reserve(context, request_of({Meter.COST: 50}))
    assert isinstance(denied, Denied)
    assert (denied.denials[0].meter, denied.denials[0].scope) == (Meter.COST, "platform")
    assert window(dsn, context.organization_id, Meter.COST) == (0, 50)
    await store.release(context, one.hold_id, one.attempt)
    await reserved_by(store, context, {Meter.COST: 99})


async def test_a_connection_that_died_while_idle_is_replaced(database, store, context, dsn):
    await database.ping()
    ended = (
        "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity WHERE usename = 'footnote_app'"
    )
    assert query(dsn, ended + " AND datname = current_database()")[0][0] >= 1
    await reserved_by(store, context)
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 1)
