"""Caps, overrides, blocks and rate terms in Postgres."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.quota import Meter
from footnote.quota.rates import Block, Caller, RateOverride, Subject
from footnote.stores.postgres.quota_settings import PostgresQuotaSettings
from tests.support.organizations import new_member, new_organization

EVERYONE = UUID(int=0)


@pytest.fixture
def store(database):
    return PostgresQuotaSettings(database, "pro")


@pytest.fixture
def owner(module_database):
    return new_organization(module_database)


def block_of(context, length=timedelta(hours=1)):
    return Block(Subject("user", context.user_id), "Abuse", datetime.now(UTC) + length, context.user_id)


async def nothing():
    """A copy that nobody needs."""


async def test_terms_are_the_plans_and_what_the_organization_has_set(store, superuser, owner):
    assert (await store.rate_terms(owner)).rates == {}
    superuser.execute(
        "INSERT INTO quota.entitlements (organization_id, plan, plan_version, limits, rates, stage)"
        " VALUES (%s, 'custom', 1, '{}', '{\"chat\": 90}', 'soft')",
        (owner.organization_id,),
    )
    override = RateOverride(Subject("user", owner.user_id), "chat", 12, owner.user_id)
    await store.put_override(owner, override)
    block = block_of(owner)
    await store.put_block(owner, block, nothing)
    terms = await store.rate_terms(owner)
    assert terms.rates == {"chat": 90}
    assert (terms.stage, terms.platform_stage) == ("soft", "normal")
    assert terms.overrides == {(override.subject, "chat"): override}
    assert terms.blocked_until(Caller.of(owner), datetime.now(UTC)) == block.expires_at


async def test_the_platforms_stage_is_everybodys(store, superuser, owner):
    superuser.execute("UPDATE quota.platform_budget SET stage = 'hard'")
    try:
        assert (await store.rate_terms(owner)).platform_stage == "hard"
    finally:
        superuser.execute("UPDATE quota.platform_budget SET stage = 'normal'")


async def test_an_override_is_replaced_and_one_that_has_ended_is_not_told(store, owner):
    subject = Subject("organization", owner.organization_id)
    for per_minute in (5, 6):
        await store.put_override(owner, RateOverride(subject, "search", per_minute))
    (found,) = await store.overrides(owner)
    assert found.per_minute == 6
    ended = datetime.now(UTC) - timedelta(seconds=1)
    await store.put_override(owner, RateOverride(subject, "search", 7, None, ended))
    assert await store.overrides(owner) == []
    assert await store.delete_override(owner, subject, "search")
    assert not await store.delete_override(owner, subject, "search")


async def test_a_block_is_replaced_ends_by_itself_and_is_stored_only_if_its_copy_did_not_fail(
    store, module_database, owner
):
    member = new_member(module_database, owner)
    await store.put_block(owner, block_of(member, timedelta(seconds=-1)), nothing)
    assert await store.blocks(owner) == []
    stored = await store.put_block(owner, block_of(member), nothing)
    assert await store.blocks(owner) == [stored]

    async def broken():
        raise RuntimeError("the copy failed")

    with pytest.raises(RuntimeError):
        await store.delete_block(owner, stored.subject, broken)
    assert await store.blocks(owner) == [stored]
    assert await store.delete_block(owner, stored.subject, nothing)
    assert not await store.delete_block(owner, stored.subject, nothing)


async def test_an_organization_has_a_bounded_number_of_rates_and_blocks(store, superuser, owner):
    """All of them are read with each organization's terms, and shown in one answer."""
    names = {"o": owner.organization_id}
    superuser.execute(
        "INSERT INTO quota.rate_overrides (organization_id, subject_kind, subject_id, rate_class, per_minute)"
        " SELECT %(o)s, 'key', gen_random_uuid(), 'chat', 5 FROM generate_series(1, 999)",
        names,
    )
    superuser.execute(
        "INSERT INTO quota.blocks (organization_id, subject_kind, subject_id, reason, expires_at)"
        " SELECT %(o)s, 'key', gen_random_uuid(), 'x', now() + '1 day' FROM generate_series(1, 999)",
        names,
    )
    last = RateOverride(Subject("user", owner.user_id), "chat", 12, owner.user_id)
    block = block_of(owner)
    for _ in range(2):  # the thousandth is made, and replaced
        await store.put_override(owner, last)
        await store.put_block(owner, block, nothing)
    copied = []

    async def copy():
        copied.append(1)

    with pytest.raises(Conflict, match="at most 1,000 rates"):
        await store.put_override(owner, replace(last, rate_class="search"))
    with pytest.raises(Conflict, match="at most 1,000 blocks"):
        await store.put_block(owner, replace(block, subject=Subject("key", owner.user_id)), copy)
    assert copied == []
    assert len(await store.overrides(owner)) == len(await store.blocks(owner)) == 1_000
    # What has ended makes room.
    for table in ("rate_overrides", "blocks"):
        superuser.execute(
            f"UPDATE quota.{table} SET expires_at = now() - interval '1 second' WHERE organization_id = %(o)s"
            " AND subject_kind = 'key'",
            names,
        )
    await store.put_override(owner, replace(last, rate_class="search"))
    await store.put_block(owner, replace(block, subject=Subject("key", owner.user_id)), copy)
    assert [len(await store.overrides(owner)), len(await store.blocks(owner)), len(copied)] == [2, 2, 1]


async def test_caps_are_replaced_as_a_whole(store, owner):
    await store.put_caps(owner, owner.user_id, {"messages": 1, "cost": 2})
    await store.put_caps(owner, owner.user_id, {"cost": 3, "api_calls": 4})
    await store.put_caps(owner, EVERYONE, {"messages": 9})
    assert await store.caps(owner, owner.user_id) == {"api_calls": 4, "cost": 3}
    assert await store.caps(owner, EVERYONE) == {"messages": 9}
    await store.put_caps(owner, owner.user_id, {})
    assert await store.caps(owner, owner.user_id) == {}


async def test_nothing_of_one_organization_is_seen_or_changed_by_another(store, module_database, owner):
    other = new_organization(module_database)
    stored = await store.put_block(owner, block_of(owner), nothing)
    override = RateOverride(Subject("user", owner.user_id), "chat", 12)
    await store.put_override(owner, override)
    await store.put_caps(owner, owner.user_id, {"messages": 1})
    assert await store.role_of(owner, owner.user_id) == "owner"
    assert await store.role_of(other, owner.user_id) is None
    assert await store.caps(other, owner.user_id) == {}
    terms = await store.rate_terms(other)
    assert (terms.overrides, terms.blocks) == ({}, {})
    assert not await store.delete_block(other, stored.subject, nothing)
    assert not await store.delete_override(other, override.subject, "chat")
    assert await store.blocks(owner) == [stored]


async def test_each_meter_has_a_window_used_or_not(store, owner):
    windows = await store.usage(owner)
    assert [window.meter for window in windows if window.user_id is None] == list(Meter)
    assert [window.meter for window in windows if window.user_id == owner.user_id] == list(Meter)
    assert all(window.committed == window.reserved == 0 for window in windows)
    levels = {window.meter for window in windows if window.reset_at is None}
    assert levels == {Meter.STORAGE_BYTES, Meter.DOCUMENTS, Meter.CONCURRENT_REQUESTS}
    (calls, _) = [window for window in windows if window.meter is Meter.API_CALLS]
    assert calls.reset_at - calls.started_at == timedelta(days=1)


async def test_a_store_that_is_away_says_so(store, database, owner):
    database._settings = database._settings.model_copy(update={"port": 1})
    await database.close()
    with pytest.raises(ServiceUnavailable):
        await store.rate_terms(owner)
