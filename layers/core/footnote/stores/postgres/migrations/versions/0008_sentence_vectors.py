"""Vectors of a chunk's sentences."""

from footnote.stores.postgres.migrations import run_sql

revision = "0008_sentence_vectors"
down_revision = "0007_provenance"


def upgrade() -> None:
    run_sql("0008_sentence_vectors_up.sql")


def downgrade() -> None:
    run_sql("0008_sentence_vectors_down.sql")
