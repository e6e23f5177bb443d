"""Model containers: `functions/embedding` and `functions/reranking`, started as SageMaker starts them."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.engines.process import ServerProcess
from local.ports import LOOPBACK


class ModelsEngine:
    """One models container: SageMaker's contract, `GET /ping` and `POST /invocations`.

    Args:
        name: Names its log, pid file and place in the status.
        title: Names it for people.
        command: The container's start command, an absolute path.
        port: TCP port on the loopback address.
        environment: As the endpoint's configuration sets it.
        reads: What the process has to read: interpreter, repository, model files.
        log: What it prints.
        run_directory: Where the pid file lies.
    """

    start_timeout_s = 60.0

    def __init__(
        self,
        name: str,
        title: str,
        command: Path,
        port: int,
        *,
        environment: Mapping[str, str],
        reads: Sequence[Path],
        log: Path,
        run_directory: Path,
    ) -> None:
        self.name = name
        self.title = title
        self._command = command
        self.port = port
        self._environment = environment
        self._reads = reads
        self.process = ServerProcess(self.name, run_directory, log)

    def prepare(self) -> None:
        """Ends what an earlier run left behind."""
        self.process.end_stale(signal.SIGTERM)

    def start(self) -> None:
        """Starts the container's command; it is usable once `ready()` is true."""
        self.process.start(
            [self._command],
            environment={"PATH": os.defpath, **self._environment},
            reads=(self._command, *self._reads),
            directory=self._command.parent,
        )

    def ready(self) -> bool:
        """Whether the model is loaded."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5.0)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends it; it keeps nothing."""
        self.process.stop(signal.SIGTERM, timeout_s=3.0)
