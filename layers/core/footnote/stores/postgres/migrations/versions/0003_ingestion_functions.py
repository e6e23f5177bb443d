"""What ingestion may ask before an organization is known, and what the sweeper does over all of them."""

from footnote.stores.postgres.migrations import run_sql

revision = "0003_ingestion_functions"
down_revision = "0002_identity_functions"


def upgrade() -> None:
    run_sql("0003_ingestion_functions_up.sql")


def downgrade() -> None:
    run_sql("0003_ingestion_functions_down.sql")
