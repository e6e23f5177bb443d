"""Processes that use the quota of one organization while they change its terms: limits, budget, time zone."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from psycopg.types.json import Jsonb

from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.platform.settings import PostgresSettings
from footnote.quota import Meter, Reserved, Settlement, Used
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.quota import PostgresQuotaStore
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.postgres import TestDatabase
from tests.support.quota import request_of
from tests.support.quota_calendar import ZONES

_UNITS = {Meter.MESSAGES: 1, Meter.API_CALLS: 1, Meter.INPUT_TOKENS: 9, Meter.COST: 5}
_USED = (Used(Meter.MESSAGES, 1, "", 4), Used(Meter.API_CALLS, 1), Used(Meter.INPUT_TOKENS, 7))
# As changes of subscriptions do: one after the other.
_TAKE_TURNS = (
    "SELECT pg_advisory_xact_lock(hashtextextended('billing:' || core.current_organization()::text, 0))"
)
_CHANGES: Mapping[str, str] = {
    "limits": "SELECT billing.entitle('pro', 1, %(limits)s, '{}', '[]')",
    "budget": "SELECT billing.set_budget(%(amount)s, true, false, true, 'tested', 'free')",
    "time zone": "SELECT billing.change_time_zone(%(zone)s)",
}


def run_terms_workers(database: TestDatabase, context: OrganizationContext, turns: int) -> Counter[str]:
    """Four processes, each with so many turns; how often what was done."""
    values = {
        "host": database.host, "port": database.port, "database": database.name,
        "user": "footnote_app", "password_secret": "footnote_app",
        "statement_timeout_ms": 20_000, "lock_timeout_ms": 15_000,
    }  # fmt: skip
    done = Counter[str]()
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("forkserver")) as pool:
        calls = [
            pool.submit(_serve, PostgresSettings(**values), database.passwords, context, turns, seed)
            for seed in range(4)
        ]
        for call in calls:
            done += call.result()
    return done


def _serve(
    settings: PostgresSettings,
    passwords: dict[str, str],
    context: OrganizationContext,
    turns: int,
    seed: int,
) -> Counter[str]:
    async def run() -> Counter[str]:
        database = Database(settings, StaticSecrets(passwords))
        done = Counter[str]()
        chance = random.Random(seed)
        for _ in range(turns):
            act = chance.choice(["use", "use", "use", *_CHANGES])
            if act == "use":
                # Somebody new, whose windows must be made.
                await _use(PostgresQuotaStore(database, "free"), replace(context, user_id=new_id()))
            else:
                await _change(database, context, act, chance)
            done[act] += 1
        await database.close()
        return done

    return asyncio.run(run())


async def _use(store: PostgresQuotaStore, context: OrganizationContext) -> None:
    answer = await store.reserve(context, request_of(_UNITS))
    if isinstance(answer, Reserved):
        await store.settle(context, Settlement(answer.hold_id, answer.attempt, _USED))


async def _change(database: Database, context: OrganizationContext, act: str, chance: random.Random) -> None:
    values: dict[str, Any] = {
        "limits": Jsonb({"messages": chance.randint(9_000, 19_000), "api_calls": 9_000}),
        "amount": chance.randint(100_000, 900_000),
        "zone": chance.choice(ZONES),
    }
    async with database.tenant_tx(context) as cursor:
        if act != "budget":
            await cursor.execute(_TAKE_TURNS)
        await cursor.execute(_CHANGES[act].encode(), values)
