"""Subscriptions, invoices and payments."""

from footnote.stores.postgres.migrations import run_sql

revision = "0010_billing"
down_revision = "0009_quota"


def upgrade() -> None:
    run_sql("0010_billing_up.sql")


def downgrade() -> None:
    run_sql("0010_billing_down.sql")
