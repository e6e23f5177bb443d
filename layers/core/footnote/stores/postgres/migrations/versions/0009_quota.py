"""Plans, windows, holds, ledgers and the outbox."""

from footnote.stores.postgres.migrations import run_sql

revision = "0009_quota"
down_revision = "0008_sentence_vectors"


def upgrade() -> None:
    run_sql("0009_quota_up.sql")


def downgrade() -> None:
    run_sql("0009_quota_down.sql")
