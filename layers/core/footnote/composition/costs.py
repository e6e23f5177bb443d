"""Costs and budgets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.billing import Billing

if TYPE_CHECKING:
    from footnote.billing.budgets import Budgeter, Budgets
    from footnote.stores.postgres.budgets import PostgresBudgetJobs


class Costs(Billing):
    """Services of what models cost."""

    @cached_property
    def budgets(self) -> Budgets:
        """What organizations may spend."""
        from footnote.billing.budgets import Budgets
        from footnote.stores.postgres.budgets import PostgresBudgets

        return Budgets(PostgresBudgets(self.database, self.settings.quota.default_plan), self.clock)

    @cached_property
    def budget_jobs(self) -> PostgresBudgetJobs:
        """For jobs: the process signs in to Postgres as `footnote_jobs`."""
        from footnote.stores.postgres.budgets import PostgresBudgetJobs

        return PostgresBudgetJobs(self.database)

    @cached_property
    def budgeter(self) -> Budgeter:
        """For `budgeter`."""
        from footnote.billing.budgets import Budgeter

        return Budgeter(self.budget_jobs, self.clock)
