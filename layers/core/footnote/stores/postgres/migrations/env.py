"""Alembic's entry: runs the pending revisions on the connection that `migrate.py` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool

SCHEMA = "migrations"


def run() -> None:
    connection = context.config.attributes["connection"]
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=pool.StaticPool)
    with engine.connect() as bound:
        context.configure(connection=bound, version_table_schema=SCHEMA, transaction_per_migration=False)
        with context.begin_transaction():
            # Two deployments that start at once migrate one after the other.
            context.execute("SELECT pg_advisory_xact_lock(hashtext('footnote.migrations'))")
            context.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            context.run_migrations()


run()
