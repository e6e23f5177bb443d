"""Makes an empty cluster Footnote's: roles with passwords, database, extension."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

OWNER = "footnote_owner"
ROLES = (OWNER, "footnote_app", "footnote_auth", "footnote_jobs", "footnote_indexer")
"""The roles that sign in; the owner migrates, the others are the functions'."""


def create_roles(superuser_dsn: str, passwords: Mapping[str, str]) -> None:
    """Creates the roles if they are missing and sets their passwords.

    Args:
        superuser_dsn: Of any database of the cluster.
        passwords: One for each of `ROLES`.
    """
    statements = files("footnote.stores.postgres").joinpath("bootstrap.sql").read_text()
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(statements.encode())
        for role in ROLES:
            connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(passwords[role])
                )
            )


def create_database(superuser_dsn: str, name: str) -> None:
    """Creates an empty database owned by `footnote_owner`, with the extension `vector`, unless it exists."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if found is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            )
    with psycopg.connect(make_conninfo(superuser_dsn, dbname=name), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
