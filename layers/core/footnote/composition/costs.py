"""Costs and budgets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.billing import Billing

if TYPE_CHECKING:
    from footnote.billing.budgets import Budgeter, Budgets
    from footnote.billing.costs import Costs as CostAnalyses
    from footnote.stores.postgres.budgets import PostgresBudgetJobs, PostgresBudgets


class Costs(Billing):
    """Services of what models cost."""

    @cached_property
    def budgets(self) -> Budgets:
        """What organizations may spend."""
        from footnote.billing.budgets import Budgets

        return Budgets(self._budget_store, self.clock)

    @cached_property
    def costs(self) -> CostAnalyses:
        """What answers cost."""
        from footnote.billing.costs import Costs
        from footnote.stores.postgres.costs import PostgresCosts

        hours = self.settings.billing.dedicated_compute_hours_a_day
        return Costs(PostgresCosts(self.database), self._budget_store, hours)

    @cached_property
    def _budget_store(self) -> PostgresBudgets:
        from footnote.stores.postgres.budgets import PostgresBudgets

        return PostgresBudgets(self.database, self.settings.quota.default_plan)

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
