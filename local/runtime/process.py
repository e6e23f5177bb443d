"""The process of one execution environment: started unprivileged, logged, ended with all its children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from local.privileges import child_command
from local.runtime.staging import ExecutionPlan

_LOG_LIMIT_BYTES = 10 * 1024 * 1024


class FunctionLog:
    """A function's log file: what its processes print, and the platform's own lines.

    One former file is kept when it grows beyond 10 MB.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = self._open()

    def write(self, line: str) -> None:
        """Appends one line."""
        os.write(self._descriptor, line.encode() + b"\n")

    def descriptor(self) -> int:
        """The open file, for a process that starts now."""
        if os.fstat(self._descriptor).st_size > _LOG_LIMIT_BYTES:
            self.path.replace(self.path.with_suffix(".log.1"))
            self.close()
            self._descriptor = self._open()
        return self._descriptor

    def close(self) -> None:
        """Closes the file; processes that run keep theirs."""
        os.close(self._descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


class FunctionProcess:
    """A running process with its process group."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls, plan: ExecutionPlan, command: tuple[str, ...], extra: Mapping[str, str], log: FunctionLog
    ) -> FunctionProcess:
        """Starts `command` in the task directory; it dies with this process.

        Args:
            plan: Whose process it is.
            command: Program and arguments.
            extra: Variables of this environment alone.
            log: Takes what it prints.
        """
        descriptor = log.descriptor()
        process = await asyncio.create_subprocess_exec(
            *child_command(command, reads=plan.reads),
            cwd=plan.directory,
            env={**plan.environment, **extra},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Waits for the end; the exit status, or minus the signal's number."""
        return await self._process.wait()

    def kill(self) -> None:
        """Ends the process and all it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
