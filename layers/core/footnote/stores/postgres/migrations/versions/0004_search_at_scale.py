"""Vectors and postings of large organizations."""

from footnote.stores.postgres.migrations import run_sql

revision = "0004_search_at_scale"
down_revision = "0003_ingestion_functions"


def upgrade() -> None:
    run_sql("0004_search_at_scale_up.sql")


def downgrade() -> None:
    run_sql("0004_search_at_scale_down.sql")
