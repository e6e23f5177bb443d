"""Late rows, and invoices of ended subscriptions."""

from footnote.stores.postgres.migrations import run_sql

revision = "0017_late_rows"
down_revision = "0016_ledgers_at_scale"


def upgrade() -> None:
    run_sql("0017_late_rows_up.sql")


def downgrade() -> None:
    run_sql("0017_late_rows_down.sql")
