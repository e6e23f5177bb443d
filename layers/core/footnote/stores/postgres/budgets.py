"""Budgets in Postgres: the functions of migration 0012."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.billing.budgets import Budget, BudgetEvent, BudgetTerms, Override, PlatformBudget, Reviewed
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Database

_BUDGET = "SELECT billing.budget_of(%(organization_id)s) AS answer"
_SET = """
SELECT billing.set_budget(%(amount)s, %(hard_stop)s, %(stop_on_projection)s, %(notify)s, %(reason)s,
                          %(default_plan)s) AS answer
"""
_OVERRIDE = "SELECT billing.override_budget(%(stage)s, %(until)s, %(reason)s) AS answer"
_EVENTS = """
SELECT number, kind, user_id, from_stage, to_stage, reason, figures, at FROM billing.budget_events
 WHERE organization_id = %(organization_id)s ORDER BY number DESC LIMIT %(limit)s
"""
_PLATFORM = "SELECT metering.platform_budget() AS answer"
_REVIEW_NEXT = "SELECT metering.review_next_budget(%s::uuid) AS answer"
_REVIEW_PLATFORM = "SELECT metering.review_platform_budget() AS answer"
_SET_PLATFORM = "SELECT metering.set_platform_budget(%s, %s, %s, %s, %s) AS answer"
_OVERRIDE_PLATFORM = "SELECT metering.override_platform_budget(%s, %s, %s, %s) AS answer"


class PostgresBudgets:
    """`footnote.billing.budgets.BudgetStore` on Postgres.

    Args:
        database: Tenant transactions.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, default_plan: str) -> None:
        self._database = database
        self._default_plan = default_plan

    async def budget(self, context: OrganizationContext) -> Budget | None:
        """See `BudgetStore.budget`."""
        found = await self._answer(context, _BUDGET, {"organization_id": context.organization_id})
        return None if found is None else _budget(found)

    async def set_budget(self, context: OrganizationContext, terms: BudgetTerms, reason: str) -> Budget:
        """See `BudgetStore.set_budget`."""
        values = {
            "amount": terms.amount,
            "hard_stop": terms.hard_stop,
            "stop_on_projection": terms.stop_on_projection,
            "notify": terms.notify,
            "reason": reason,
            "default_plan": self._default_plan,
        }
        found = await self._answer(context, _SET, values)
        assert found is not None, "the default plan exists"
        return _budget(found)

    async def override(
        self, context: OrganizationContext, override: Override | None, reason: str
    ) -> Budget | None:
        """See `BudgetStore.override`."""
        values = {
            "stage": override.stage if override else None,
            "until": override.until if override else None,
            "reason": reason,
        }
        found = await self._answer(context, _OVERRIDE, values)
        return None if found is None else _budget(found)

    async def events(self, context: OrganizationContext, limit: int) -> Sequence[BudgetEvent]:
        """See `BudgetStore.events`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_EVENTS, {"organization_id": context.organization_id, "limit": limit})
            return [BudgetEvent(**row) for row in await cursor.fetchall()]

    async def _answer(
        self, context: OrganizationContext, statement: str, values: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(statement, values)
            row = await cursor.fetchone()
            return row["answer"] if row else None


class PostgresBudgetJobs:
    """`footnote.billing.budgets.BudgetJobs`, and what operators do with the platform's budget.

    Args:
        database: Transactions outside of organizations, signed in as `footnote_jobs`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def review_next(self, after: UUID | None) -> Reviewed | None:
        """See `BudgetJobs.review_next`."""
        found = await self._answer(_REVIEW_NEXT, after)
        if found is None:
            return None
        return Reviewed(UUID(found["organization_id"]), found["from"], found["stage"])

    async def review_platform(self) -> PlatformBudget:
        """See `BudgetJobs.review_platform`."""
        return _platform(await self._answer(_REVIEW_PLATFORM))

    async def platform(self) -> Budget:
        """The platform's budget."""
        return _budget(await self._answer(_PLATFORM) or {})

    async def set_platform(self, terms: BudgetTerms, who: str, reason: str) -> PlatformBudget:
        """Sets or removes it; the parts of the month are given their shares anew in the same transaction."""
        values = (terms.amount, terms.hard_stop, terms.stop_on_projection, who, reason)
        return _platform(await self._answer(_SET_PLATFORM, *values))

    async def override_platform(self, override: Override | None, who: str, reason: str) -> PlatformBudget:
        """Holds its stage, or ends that."""
        stage, until = (override.stage, override.until) if override else (None, None)
        return _platform(await self._answer(_OVERRIDE_PLATFORM, stage, until, who, reason))

    async def _answer(self, statement: str, *values: Any) -> dict[str, Any] | None:
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute(statement, values or None)
            row = await cursor.fetchone()
            return row["answer"] if row else None


def _budget(row: Mapping[str, Any]) -> Budget:
    override = None
    if row["override_stage"] is not None:
        until = datetime.fromisoformat(row["override_until"])
        override = Override(row["override_stage"], until, row["override_reason"])
    return Budget(
        terms=BudgetTerms(
            row["amount"], row["hard_stop"], row["stop_on_projection"], row.get("notify", True)
        ),
        stage=row["stage"],
        override=override,
        window_start=datetime.fromisoformat(row["window_start"]),
        window_end=datetime.fromisoformat(row["window_end"]),
        spent=row["spent"],
        reserved=row["reserved"],
        projected=row["projected"],
    )


def _platform(row: Mapping[str, Any] | None) -> PlatformBudget:
    assert row is not None
    return PlatformBudget(_budget(row), row["from"])
