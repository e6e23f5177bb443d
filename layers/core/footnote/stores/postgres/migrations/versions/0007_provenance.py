"""What each answer rests on, unchangeable."""

from footnote.stores.postgres.migrations import run_sql

revision = "0007_provenance"
down_revision = "0006_evaluations"


def upgrade() -> None:
    run_sql("0007_provenance_up.sql")


def downgrade() -> None:
    run_sql("0007_provenance_down.sql")
