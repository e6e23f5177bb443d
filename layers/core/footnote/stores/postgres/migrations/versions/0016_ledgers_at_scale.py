"""Ledgers of many rows: indexes, sums and what is forgotten."""

from footnote.stores.postgres.migrations import run_sql

revision = "0016_ledgers_at_scale"
down_revision = "0015_one_subscription"


def upgrade() -> None:
    run_sql("0016_ledgers_at_scale_up.sql")


def downgrade() -> None:
    run_sql("0016_ledgers_at_scale_down.sql")
