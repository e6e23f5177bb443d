"""Organizations, users, documents, chunks, postings, conversations, and their row-level security."""

from footnote.stores.postgres.migrations import run_sql

revision = "0001_foundation"
down_revision = None


def upgrade() -> None:
    run_sql("0001_foundation_up.sql")


def downgrade() -> None:
    run_sql("0001_foundation_down.sql")
