"""What tests of budgets share: setting them in a process of its own turn, and spending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from footnote.billing.budgets import Budget, BudgetTerms
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Reservation, Reserved, Settlement, Used
from footnote.stores.postgres.budgets import PostgresBudgetJobs, PostgresBudgets
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.organizations import open_database
from tests.support.postgres import TestDatabase
from tests.support.quota import query


def now(database: TestDatabase, role: str, work: Callable[[Database], Awaitable[Any]]) -> Any:
    """Does the work with a connection of its own, from code that runs in no event loop."""

    async def run() -> Any:
        opened = open_database(database, role)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


def set_budget(
    database: TestDatabase, context: OrganizationContext, amount: int | None, **terms: Any
) -> Budget:
    """Sets an organization's budget; who has subscribed to nothing has the enterprise plan."""
    wanted = BudgetTerms(amount, **terms)

    async def work(opened: Database) -> Budget:
        return await PostgresBudgets(opened, "enterprise").set_budget(context, wanted, "a test")

    found: Budget = now(database, "footnote_app", work)
    return found


def set_platform_budget(database: TestDatabase, amount: int | None, **terms: Any) -> Budget:
    """Sets the platform's budget."""
    wanted = BudgetTerms(amount, **terms)

    async def work(opened: Database) -> Budget:
        return (await PostgresBudgetJobs(opened).set_platform(wanted, "a test", "a test")).budget

    found: Budget = now(database, "footnote_jobs", work)
    return found


async def spend(database: Database, context: OrganizationContext, cost: int) -> Reservation:
    """Reserves and uses a message that costs so much; what the reservation was answered."""
    store = PostgresQuotaStore(database, "enterprise")
    units = {Meter.MESSAGES: 1, Meter.COST: cost}
    request = HoldRequest(hold_id=new_id(), request_hash=b"one", feature="chat", units=units, ttl_s=60)
    reservation = await store.reserve(context, request)
    if isinstance(reservation, Reserved):
        used = (Used(Meter.MESSAGES, 1, "", cost),)
        await store.settle(context, Settlement(reservation.hold_id, reservation.attempt, used, 1))
    return reservation


def platform_parts(superuser_dsn: str) -> tuple[int, int, int]:
    """The newest month's limits, and what is used and reserved of them, each over all parts."""
    rows = query(
        superuser_dsn,
        "SELECT sum(lim)::bigint, sum(committed)::bigint, sum(reserved)::bigint FROM quota.platform_windows"
        " WHERE window_start = (SELECT max(window_start) FROM quota.platform_windows)",
    )
    return rows[0]  # type: ignore[return-value]


def stage_of(superuser_dsn: str, organization_id: UUID) -> str:
    rows = query(
        superuser_dsn, "SELECT stage FROM quota.entitlements WHERE organization_id = %s", organization_id
    )
    return str(rows[0][0])
