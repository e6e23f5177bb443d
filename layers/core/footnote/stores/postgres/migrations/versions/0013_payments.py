"""Payment providers and their events."""

from footnote.stores.postgres.migrations import run_sql

revision = "0013_payments"
down_revision = "0012_costs"


def upgrade() -> None:
    run_sql("0013_payments_up.sql")


def downgrade() -> None:
    run_sql("0013_payments_down.sql")
