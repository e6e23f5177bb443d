"""The store tier of the caches."""

from footnote.stores.postgres.migrations import run_sql

revision = "0005_caches"
down_revision = "0004_search_at_scale"


def upgrade() -> None:
    run_sql("0005_caches_up.sql")


def downgrade() -> None:
    run_sql("0005_caches_down.sql")
