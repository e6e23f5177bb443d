"""Engines start, survive `kill -9` with their data, and leave nothing behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.engines import Engine, EngineError
from local.engines.postgres import PostgresEngine
from local.engines.process import ServerProcess, end_remembered, remember
from local.engines.redis import RedisEngine
from local.ports import free_port

PASSWORD = secrets.token_urlsafe(12)


def begin(engine: Engine) -> int:
    engine.prepare()
    engine.start()
    engine.process.wait_until(engine.ready, 30)
    assert engine.process.pid is not None
    return engine.process.pid


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresEngine]:
    engine = PostgresEngine(
        tmp_path / "data", free_port(), PASSWORD, log=tmp_path / "postgres.log", run_directory=tmp_path
    )
    yield engine
    engine.stop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisEngine]:
    engine = RedisEngine(
        tmp_path / "data", free_port(), PASSWORD, log=tmp_path / "redis.log", run_directory=tmp_path
    )
    yield engine
    engine.stop()


def redis_says(engine: RedisEngine, *commands: str) -> list[str]:
    with socket.create_connection(("127.0.0.1", engine.port), timeout=5) as connection:
        stream = connection.makefile("rwb")
        answers = []
        for command in (f"AUTH {PASSWORD}", *commands):
            stream.write(command.encode() + b"\r\n")
            stream.flush()
            answer = stream.readline()
            answers.append((stream.readline() if answer.startswith(b"$") else answer).decode().strip())
        return answers[1:]


def test_postgres_keeps_what_was_committed_before_a_kill(postgres: PostgresEngine) -> None:
    first = begin(postgres)
    with psycopg.connect(postgres.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineError, match="ended while starting"):
        postgres.process.wait_until(lambda: False, 10)
    second = begin(postgres)
    assert second != first
    with psycopg.connect(postgres.dsn()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_redis_keeps_what_was_written_before_a_kill(redis: RedisEngine) -> None:
    first = begin(redis)
    assert redis_says(redis, "SET answer 42") == ["+OK"]
    os.kill(first, signal.SIGKILL)
    with pytest.raises(EngineError, match="ended while starting"):
        redis.process.wait_until(lambda: False, 10)
    assert not redis.ready()
    begin(redis)
    assert redis_says(redis, "GET answer") == ["42"]


def test_redis_asks_for_the_password_and_keeps_it_off_the_command_line(redis: RedisEngine) -> None:
    pid = begin(redis)
    with socket.create_connection(("127.0.0.1", redis.port), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert b"NOAUTH" in connection.recv(200)
    if Path("/proc").exists():
        assert PASSWORD.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_server_of_a_killed_run_is_ended_before_the_next_start(tmp_path: Path, redis: RedisEngine) -> None:
    first = begin(redis)
    forgetful = RedisEngine(
        redis.directory, redis.port, PASSWORD, log=tmp_path / "redis.log", run_directory=tmp_path
    )
    second = begin(forgetful)
    try:
        assert second != first
        assert not redis.process.running
    finally:
        forgetful.stop()


def test_a_reused_pid_is_not_mistaken_for_the_server(tmp_path: Path) -> None:
    file = tmp_path / "server.pid"
    remember(file, os.getpid())
    file.write_text(file.read_text().replace('"started": ', '"started": 1'))
    assert not end_remembered(file, signal.SIGKILL)
    assert not file.exists()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    process = ServerProcess("broken", tmp_path, tmp_path / "broken.log")
    process.start(["/bin/sh", "-c", "echo no disk; exit 3"], environment={})
    with pytest.raises(EngineError, match="no disk"):
        process.wait_until(lambda: False, 10)
    process.stop()
