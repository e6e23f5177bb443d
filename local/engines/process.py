"""One server process: started in its own process group, logged, remembered by pid file, ended for certain."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from local.privileges import child_command

_START_TIME_TOLERANCE_S = 0.05
_POLL_S = 0.01
_LOG_LIMIT_BYTES = 10 * 1024 * 1024


class EngineError(RuntimeError):
    """An engine did not start or stop as it should; the message says what to look at."""


class ServerProcess:
    """A child process that serves on a port.

    Args:
        name: Names the process in messages and its pid file.
        run_directory: Where the pid file lies.
        log: Receives what the process prints; appended to.
    """

    def __init__(self, name: str, run_directory: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._pid_file = run_directory / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.running else None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(
        self,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        reads: Sequence[Path] = (),
        directory: Path = Path("/"),
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Starts the process; call it from a thread that lives on (see `child_command`).

        Raises:
            EngineError: It is running already.
        """
        if self.running:
            raise EngineError(f"{self.name} is running already (pid {self.pid})")
        for path in (self.log, self._pid_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        keep_small(self.log)
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                child_command(argv, reads=reads, death_signal=death_signal),
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        remember(self._pid_file, self._child.pid)

    def wait_until(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Blocks until `ready()` is true.

        Raises:
            EngineError: The process ended, or is not ready after `timeout_s`; the message ends with its log.
        """
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise EngineError(f"{self.name} ended while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise EngineError(f"{self.name} is not ready after {timeout_s:.0f} s:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def stop(self, sign: signal.Signals = signal.SIGTERM, timeout_s: float = 10.0) -> None:
        """Asks the process to end with `sign`, ends its whole group when it does not, and forgets it."""
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._child = None
        self._pid_file.unlink(missing_ok=True)

    def end_stale(self, sign: signal.Signals = signal.SIGTERM, timeout_s: float = 10.0) -> bool:
        """Ends the process that an earlier, killed run left behind; says whether there was one."""
        return end_remembered(self._pid_file, sign, timeout_s)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines that the process printed."""
        if not self.log.exists():
            return "(it printed nothing)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def keep_small(log: Path) -> None:
    """Puts a log of more than 10 MB aside, in the place of the one put aside before."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))


def remember(pid_file: Path, pid: int) -> None:
    """Writes a pid file; with the start time, so that a reused pid is never mistaken for the process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(pid).create_time()
        pid_file.write_text(json.dumps({"pid": pid, "started": started}))


def remembered(pid_file: Path) -> psutil.Process | None:
    """The process that a pid file names, if that very process still runs."""
    try:
        entry = json.loads(pid_file.read_text())
        process = psutil.Process(int(entry["pid"]))
        same = abs(process.create_time() - float(entry["started"])) < _START_TIME_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return None


def end_remembered(pid_file: Path, sign: signal.Signals = signal.SIGTERM, timeout_s: float = 10.0) -> bool:
    """Ends the process that a pid file names, with its children; says whether there was one."""
    process = remembered(pid_file)
    if process is not None:
        family = [process, *process.children(recursive=True)]
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(sign)
        _, alive = psutil.wait_procs(family, timeout=timeout_s)
        for survivor in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()
        psutil.wait_procs(alive, timeout=timeout_s)
    pid_file.unlink(missing_ok=True)
    return process is not None
