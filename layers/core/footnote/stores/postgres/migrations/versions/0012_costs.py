"""Prices, costs and budgets."""

from footnote.stores.postgres.migrations import run_sql

revision = "0012_costs"
down_revision = "0011_outbox"


def upgrade() -> None:
    run_sql("0012_costs_up.sql")


def downgrade() -> None:
    run_sql("0012_costs_down.sql")
