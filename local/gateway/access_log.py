"""One line per request: what was asked and what came of it; never headers, bodies or full paths."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

_LIMIT_BYTES = 20 * 1024 * 1024


class AccessLog:
    """The gateway's access log; one former file is kept when it grows beyond 20 MB."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def record(self, *, method: str, resource: str, status: int, began: float, request_id: str) -> None:
        """Writes the line of one request.

        Args:
            method: HTTP method.
            resource: The path template, without ids.
            status: HTTP status of the answer.
            began: `time.monotonic()` when the request arrived.
            request_id: As the client got it.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": method,
            "resource": resource,
            "status": status,
            "ms": round((time.monotonic() - began) * 1000, 1),
            "request_id": request_id,
        }
        self._size += os.write(self._descriptor, json.dumps(line).encode() + b"\n")
        if self._size > _LIMIT_BYTES:
            self.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._open()

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._descriptor).st_size
