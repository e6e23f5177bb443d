"""Windows that outlast a change of time zone."""

from footnote.stores.postgres.migrations import run_sql

revision = "0014_calendars"
down_revision = "0013_payments"


def upgrade() -> None:
    run_sql("0014_calendars_up.sql")


def downgrade() -> None:
    run_sql("0014_calendars_down.sql")
