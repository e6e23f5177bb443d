"""One subscription at the payment provider, and what was paid twice."""

from footnote.stores.postgres.migrations import run_sql

revision = "0015_one_subscription"
down_revision = "0014_calendars"


def upgrade() -> None:
    run_sql("0015_one_subscription_up.sql")


def downgrade() -> None:
    run_sql("0015_one_subscription_down.sql")
