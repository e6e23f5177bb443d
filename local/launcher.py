"""Starts the process of a stack and follows it until it is ready or has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from local.engines.process import keep_small
from local.paths import REPOSITORY, DataPaths
from local.privileges import child_command
from local.progress import Reporter, parse_line
from local.stack import Runner


class StackFailed(RuntimeError):
    """The stack did not start; the message says why."""


class StackProcess:
    """The process that serves, as seen from the command that started it.

    Args:
        data: The stack's data directory, prepared.
        cache: The cache of layers and model files.
        port: Of the public API.
        runner: What executes functions.
        detached: Whether it outlives this process.
        settings: Environment variables of settings that functions are to have (`local.overrides`); they win
            over those of this process.
        reranker: The model directory of a cross-encoder that is to be served as well.
    """

    def __init__(
        self,
        data: DataPaths,
        cache: Path,
        port: int,
        runner: Runner,
        *,
        detached: bool,
        settings: Mapping[str, str] | None = None,
        reranker: Path | None = None,
    ) -> None:
        self._log = data.logs / "gateway.log"
        arguments: list[str | Path] = [
            "--data-dir",
            data.root,
            "--cache-dir",
            cache,
            "--port",
            str(port),
            "--runner",
            runner,
        ]
        if reranker is not None:
            arguments += ["--reranker", reranker]
        command = child_command(
            [sys.executable, "-m", "local.serve", *arguments],
            reads=(
                Path(sys.executable),
                Path(sys.prefix),
                Path(sys.base_prefix),
                REPOSITORY,
                data.root,
                cache,
            ),
            death_signal=None if detached else signal.SIGTERM,
        )
        keep_small(self._log)
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=_environment() | dict(settings or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def follow(self, report: Reporter) -> str:
        """Passes on what the stack reports until it is ready.

        Returns:
            The address of the API.

        Raises:
            StackFailed: It ended before.
        """
        reason = f"it ended without a word; see {self._log}"
        assert self._child.stdout is not None
        for line in self._child.stdout:
            event = parse_line(line)
            if event is None:
                continue
            report(event)
            if event.state == "ready":
                return event.text
            if event.state == "failed":
                reason = event.text
        self._child.wait()
        raise StackFailed(reason)

    def wait(self, timeout_s: float | None = None) -> int:
        """Waits for the end; the exit status."""
        return self._child.wait(timeout_s)

    def ask_to_stop(self) -> None:
        """An orderly stop; asked a second time, an immediate one."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)


def stop_on_interrupt(stack: StackProcess, tell: Callable[[str], None]) -> int:
    """Waits for the stack's end and passes Ctrl-C on to it; the exit status, 0 after an orderly stop."""
    asked = False
    while True:
        try:
            status = stack.wait()
        except KeyboardInterrupt:
            tell("stopping at once" if asked else "stopping; Ctrl-C again does it at once")
            asked = True
            stack.ask_to_stop()
        else:
            return 0 if asked else status or 1


def _environment() -> dict[str, str]:
    """The operator's environment; bytecode is written, and the product is found wherever this runs from."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join((str(REPOSITORY / "layers" / "core"), str(REPOSITORY)))
    environment["PYTHONUNBUFFERED"] = "1"
    return environment
