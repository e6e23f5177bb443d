"""A throw-away PostgreSQL cluster, and databases cut from a migrated template."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local.bootstrap import OWNER, ROLES, create_database, create_roles
from local.engines.postgres import VOLATILE, PostgresEngine, dsn
from local.ports import LOOPBACK, free_port

TEMPLATE = "migrated_template"


@dataclass(frozen=True)
class TestDatabase:
    """One database with Footnote's schema."""

    __test__ = False

    host: str
    port: int
    name: str
    superuser_dsn: str
    passwords: dict[str, str]

    def dsn(self, role: str = "footnote_app") -> str:
        """Connection string of one of the roles that functions sign in as, or of the owner."""
        return dsn(self.port, self.name, role, self.passwords[role])


@dataclass
class PostgresCluster:
    """A running cluster with Footnote's roles and an empty database `footnote`."""

    host: str
    port: int
    superuser_dsn: str
    passwords: dict[str, str]
    engine: PostgresEngine
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _has_template: bool = False

    def dsn(self, role: str = "footnote_app", database: str = "footnote") -> str:
        return dsn(self.port, database, role, self.passwords[role])

    @contextmanager
    def empty_database(self) -> Iterator[TestDatabase]:
        """A database with the extension and nothing else, dropped at the end."""
        name = f"test_{next(self._numbers)}"
        create_database(self.superuser_dsn, name)
        with self._dropped(name) as database:
            yield database

    @contextmanager
    def migrated_database(self) -> Iterator[TestDatabase]:
        """A database with the newest schema and no rows, dropped at the end."""
        if not self._has_template:
            self._create_template()
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy", name, OWNER, TEMPLATE)
        with self._dropped(name) as database:
            yield database

    def _create_template(self) -> None:
        create_database(self.superuser_dsn, TEMPLATE)
        migrate(self.dsn(OWNER, TEMPLATE))
        self._has_template = True

    @contextmanager
    def _dropped(self, name: str) -> Iterator[TestDatabase]:
        superuser_dsn = make_conninfo(self.superuser_dsn, dbname=name)
        yield TestDatabase(self.host, self.port, name, superuser_dsn, self.passwords)
        self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.superuser_dsn, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def migrate(owner_dsn: str) -> None:
    """Brings an empty database to the newest schema."""
    try:
        from footnote.stores.postgres.migrate import upgrade
    except ModuleNotFoundError:
        first = (
            Path(__file__).parents[2]
            / "layers/core/footnote/stores/postgres/migrations/sql/0001_foundation_up.sql"
        )
        with psycopg.connect(owner_dsn) as connection:
            connection.execute(first.read_bytes())
    else:
        upgrade(owner_dsn)


@contextmanager
def running_cluster(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[PostgresCluster]:
    """Starts a cluster below `directory`, with server settings beside `VOLATILE`, stops it at the end."""
    engine = PostgresEngine(
        directory / "data",
        free_port(),
        secrets.token_urlsafe(16),
        log=directory / "postgres.log",
        run_directory=directory,
        settings=VOLATILE | dict(settings or {}),
    )
    engine.prepare()
    engine.start()
    try:
        engine.process.wait_until(engine.ready, timeout_s=30)
        passwords = {role: secrets.token_urlsafe(16) for role in ROLES}
        create_roles(engine.dsn(), passwords)
        create_database(engine.dsn(), "footnote")
        yield PostgresCluster(LOOPBACK, engine.port, engine.dsn(), passwords, engine)
    finally:
        engine.stop()
