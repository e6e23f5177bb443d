"""moto's server: the AWS APIs, in memory. The gateway's edge completes them and makes them durable."""

from __future__ import annotations

import http.client
import os
import signal
import sys
from pathlib import Path

from local.engines.process import ServerProcess
from local.ports import LOOPBACK


class MotoEngine:
    """One moto server.

    Args:
        port: TCP port on the loopback address.
        log: The server's log.
        run_directory: Where the pid file lies.
        region: The region it answers for.
        account_id: The AWS account it plays.
    """

    name = "aws"
    title = "AWS APIs"
    start_timeout_s = 60.0

    def __init__(self, port: int, *, log: Path, run_directory: Path, region: str, account_id: str) -> None:
        self.port = port
        self._region = region
        self._account_id = account_id
        self.process = ServerProcess(self.name, run_directory, log)

    def prepare(self) -> None:
        """Ends what an earlier run left behind."""
        self.process.end_stale(signal.SIGTERM)

    def start(self) -> None:
        """Starts the server; it is usable once `ready()` is true."""
        self.process.start(
            [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(self.port)],
            environment=self._environment(),
            reads=(Path(sys.executable), Path(sys.prefix)),
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "AWS_DEFAULT_REGION": self._region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "MOTO_ACCOUNT_ID": self._account_id,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def ready(self) -> bool:
        """Whether the server answers."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10.0)
        try:
            connection.request("GET", "/moto-api/config")
            return connection.getresponse().status < http.client.BAD_REQUEST
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends; what it held is lost here and kept by the edge."""
        self.process.stop(signal.SIGTERM, timeout_s=3.0)
