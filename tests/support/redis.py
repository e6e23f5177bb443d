"""A throw-away Redis server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.engines.redis import RedisEngine
from local.ports import free_port


@dataclass
class RedisServer:
    """A running server that tests may stop and start again."""

    engine: RedisEngine
    port: int
    password: str

    def stop(self) -> None:
        self.engine.stop()

    def start(self) -> None:
        self.engine.prepare()
        self.engine.start()
        deadline = time.monotonic() + self.engine.start_timeout_s
        while not self.engine.ready():
            assert time.monotonic() < deadline, "redis did not start"
            time.sleep(0.02)


@contextmanager
def running_redis(directory: Path) -> Iterator[RedisServer]:
    """Starts a server below `directory`, stops it at the end."""
    password, port = secrets.token_urlsafe(16), free_port()
    engine = RedisEngine(
        directory / "data", port, password, log=directory / "redis.log", run_directory=directory
    )
    server = RedisServer(engine, port, password)
    server.start()
    try:
        yield server
    finally:
        server.stop()
