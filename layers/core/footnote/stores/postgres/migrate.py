"""Schema migrations: Alembic over plain SQL files.

A migration is a pair of SQL files in `migrations/sql` and a revision in `migrations/versions` that runs
them. All pending migrations run in one transaction: the schema is at one revision or at another, never in
between. Needs the packages of `requirements/migrations.txt`, which no function carries.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parent / "migrations"


def upgrade(dsn: str, revision: str = "head") -> None:
    """Brings the schema up to `revision`.

    Args:
        dsn: libpq connection string of `footnote_owner`, who owns the database.
        revision: An Alembic revision, or `head`.

    Raises:
        psycopg.Error: A statement failed; nothing was changed.
    """
    from alembic import command

    with psycopg.connect(dsn) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(dsn: str, revision: str) -> None:
    """Takes the schema down to `revision`; `base` removes everything. Same errors as `upgrade`."""
    from alembic import command

    with psycopg.connect(dsn) as connection:
        command.downgrade(_config(connection), revision)


def current_revision(dsn: str) -> str | None:
    """The revision the schema is at, `None` before the first migration."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT to_regclass('migrations.alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM migrations.alembic_version").fetchone()
        return str(row[0]) if row else None


def _config(connection: psycopg.Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
