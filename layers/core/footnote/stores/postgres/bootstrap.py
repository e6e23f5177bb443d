"""Makes an empty cluster Footnote's: roles with passwords, database, extension.

On RDS the administrator is no superuser: it owns what it makes, and gives the database away.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

OWNER = "footnote_owner"
ROLES = (OWNER, "footnote_app", "footnote_auth", "footnote_jobs", "footnote_indexer")
"""The roles that sign in; the owner migrates, the others are the functions'."""


def create_roles(administrator_dsn: str, passwords: Mapping[str, str]) -> None:
    """Creates the roles if they are missing and sets their passwords.

    Args:
        administrator_dsn: Of any database of the cluster.
        passwords: One for each of `ROLES`.
    """
    statements = files("footnote.stores.postgres").joinpath("bootstrap.sql").read_text()
    with psycopg.connect(administrator_dsn, autocommit=True) as connection:
        connection.execute(statements.encode())
        for role in ROLES:
            set_password(connection, role, passwords[role])


def set_password(connection: psycopg.Connection, role: str, password: str) -> None:
    """Gives a role a password; a role may do that for itself."""
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
    )


def create_database(administrator_dsn: str, name: str) -> None:
    """Creates an empty database owned by `footnote_owner`, with the extension `vector`, unless it exists."""
    with psycopg.connect(administrator_dsn, autocommit=True) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if found is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            )
    _add_extension(administrator_dsn, name)


def adopt_database(administrator_dsn: str, name: str) -> None:
    """Hands a database that RDS made over to `footnote_owner`, with the extension `vector`."""
    with psycopg.connect(administrator_dsn, autocommit=True) as connection:
        # Only a member of the new owner may give it something.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(OWNER))
        )
    _add_extension(administrator_dsn, name)


def _add_extension(administrator_dsn: str, name: str) -> None:
    with psycopg.connect(make_conninfo(administrator_dsn, dbname=name), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
