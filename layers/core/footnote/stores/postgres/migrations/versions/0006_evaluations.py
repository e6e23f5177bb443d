"""Golden sets, evaluation runs and the gate."""

from footnote.stores.postgres.migrations import run_sql

revision = "0006_evaluations"
down_revision = "0005_caches"


def upgrade() -> None:
    run_sql("0006_evaluations_up.sql")


def downgrade() -> None:
    run_sql("0006_evaluations_down.sql")
