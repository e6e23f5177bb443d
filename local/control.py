"""The control channel of a running stack: the `footnote` command asks, the supervisor answers.

One JSON line each way over the loopback address. The port and the token stand in the state file, which only
the owner may read.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from local.ports import LOOPBACK
from local.secrets import write_private

_LINE_BYTES = 16 * 1024 * 1024
_START_TIME_TOLERANCE_S = 0.05

Command = Callable[..., Awaitable[Any]]

logger = logging.getLogger("footnote.local.control")


class NotRunning(RuntimeError):
    """No stack runs in this data directory."""


@dataclass(frozen=True)
class StackState:
    """A running stack, as its state file describes it.

    Attributes:
        pid: Of the supervisor.
        started: When it started (seconds since the epoch), so that a reused pid is not mistaken for it.
        api_url: The public API.
        runner: What executes functions.
        control_port: Where the control channel listens.
        control_token: What it asks for.
    """

    pid: int
    started: float
    api_url: str
    runner: str
    control_port: int
    control_token: str

    def process(self) -> psutil.Process | None:
        """The supervisor's process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _START_TIME_TOLERANCE_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def write_state(file: Path, state: StackState) -> None:
    """Makes the stack known to the `footnote` command."""
    write_private(file, json.dumps(asdict(state)))


def read_state(file: Path) -> StackState | None:
    """The stack that runs, or None."""
    try:
        state = StackState(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.process() is not None else None


def ask(state: StackState, command: str, timeout_s: float = 30.0, **parameters: Any) -> Any:
    """Sends a command to a running stack and returns its answer.

    Raises:
        NotRunning: The stack is not there any more.
        RuntimeError: The stack could not do it; the message says why.
    """
    told = {"token": state.control_token, "command": command, "parameters": parameters}
    request = json.dumps(told).encode() + b"\n"
    try:
        with socket.create_connection((LOOPBACK, state.control_port), timeout=timeout_s) as connection:
            connection.sendall(request)
            answer = json.loads(connection.makefile("rb").readline(_LINE_BYTES))
    except (OSError, ValueError) as error:
        raise NotRunning("the stack does not answer; see `footnote logs gateway`") from error
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["result"]


class ControlServer:
    """Answers the commands it is given.

    Args:
        commands: By name; each returns something JSON can hold.
    """

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands
        self._server: asyncio.Server | None = None
        self.token = secrets.token_urlsafe(24)

    async def start(self) -> int:
        """Listens; returns the port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=_LINE_BYTES)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Listens no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._answer(await reader.readline())
            writer.write(json.dumps(answer, default=str).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            logger.info("a control connection was cut")
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        request = json.loads(line)
        if not hmac.compare_digest(str(request.get("token", "")), self.token):
            return {"error": "wrong token"}
        command = self._commands.get(str(request.get("command")))
        if command is None:
            return {"error": f"no such command: {request.get('command')}"}
        try:
            return {"result": await command(**request.get("parameters", {}))}
        except Exception as error:
            logger.exception("control command failed")
            return {"error": f"{type(error).__name__}: {error}"}
