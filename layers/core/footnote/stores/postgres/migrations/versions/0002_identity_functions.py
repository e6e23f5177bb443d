"""What `auth` may call before an organization is known; login attempts; session lookups."""

from footnote.stores.postgres.migrations import run_sql

revision = "0002_identity_functions"
down_revision = "0001_foundation"


def upgrade() -> None:
    run_sql("0002_identity_functions_up.sql")


def downgrade() -> None:
    run_sql("0002_identity_functions_down.sql")
