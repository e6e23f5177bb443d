"""${message}."""

from footnote.stores.postgres.migrations import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_sql("${up_revision}_up.sql")


def downgrade() -> None:
    run_sql("${up_revision}_down.sql")
