"""A throw-away PostgreSQL 18 with pgvector for the peers, from the engine code of the local stack."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from local.engines.postgres import SUPERUSER, PostgresEngine
from local.ports import LOOPBACK, free_port
from tests.performance.peers.protocol import Database

_START_LIMIT_S = 30


@contextmanager
def peer_database(name: str) -> Iterator[Database]:
    """An empty database on a cluster of its own, with the settings (durability too) of Footnote's."""
    directory = Path(tempfile.mkdtemp(prefix="footnote-peers-"))
    directory.chmod(0o755)  # the server runs under another account when we are root
    password = secrets.token_urlsafe(16)
    engine = PostgresEngine(
        directory / "data", free_port(), password, log=directory / "log", run_directory=directory
    )
    try:
        engine.prepare()
        engine.start()
        engine.process.wait_until(engine.ready, _START_LIMIT_S)
        _create(engine, name)
        yield Database(LOOPBACK, engine.port, name, SUPERUSER, password)
    finally:
        engine.stop()
        shutil.rmtree(directory)


def _create(engine: PostgresEngine, name: str) -> None:
    with psycopg.connect(engine.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(engine.dsn(name), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
