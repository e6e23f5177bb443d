"""The relay of events, their consumers, reconciliation."""

from footnote.stores.postgres.migrations import run_sql

revision = "0011_outbox"
down_revision = "0010_billing"


def upgrade() -> None:
    run_sql("0011_outbox_up.sql")


def downgrade() -> None:
    run_sql("0011_outbox_down.sql")
