"""The parser process: `python -m footnote.knowledge.parsing.worker FD`.

A small server that imports parsers once and forks a confined child for every document. It holds no document
itself, so nothing in a document can harm it; when its parent goes away it ends, and takes its children along.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from footnote.knowledge.parsing import confinement, landlock, wire
from footnote.knowledge.parsing.dispatch import load, parse_source
from footnote.knowledge.parsing.errors import Broken, OutOfMemory, Unreadable
from footnote.knowledge.parsing.formats import BY_NAME
from footnote.knowledge.parsing.source import Source
from footnote.platform.settings import IngestionSettings

IDLE_S = 300.0
_REPORT_TIMEOUT_S = 2.0
_COLLECT_EVERY = 50_000  # allocations between two garbage collections in a child: it lives for one document


@dataclass(slots=True)
class _Child:
    """A running parser and the channel its parent listens on."""

    channel: socket.socket
    folder: str
    deadline: float
    cause: int = wire.ENDED


class Server:
    """Takes requests from a socket until it is closed.

    Args:
        control: Connected stream socket to the parent.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Child] = {}
        self._ready: set[str] = set()
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._wake, False)

    def run(self) -> None:
        """Serves; returns when the parent has closed its end, or when nothing came for long."""
        signal.set_wakeup_fd(self._waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            watched = [
                self._control.fileno(),
                self._wake,
                *(child.channel.fileno() for child in self._children.values()),
            ]
            readable, _, _ = select.select(watched, [], [], self._patience())
            if not readable and not self._children:
                break  # idle: the memory is better used elsewhere, and starting anew takes 0.3 s
            if self._wake in readable:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            self._reap()
            if self._control.fileno() in readable and not self._accept():
                break
            self._stop_overdue(set(readable))
        for pid in self._children:
            _kill(pid)

    def _patience(self) -> float:
        if not self._children:
            return IDLE_S
        return max(0.0, min(child.deadline for child in self._children.values()) - time.monotonic())

    def _accept(self) -> bool:
        """Starts the child of one request; false when the parent is gone."""
        message, descriptors, _, _ = socket.recv_fds(self._control, wire.MAX_REQUEST, 2)
        if not message:
            return False
        document, channel = descriptors[0], socket.socket(fileno=descriptors[1])
        request = wire.Request.decode(message)
        limits = IngestionSettings(**request.limits)
        with contextlib.suppress(OSError):
            channel.sendall(wire.ACCEPTED)
        try:
            self._prepare(BY_NAME[request.format].module)
        except ImportError as error:
            print(f"parser of {request.format} unavailable: {error}", file=sys.stderr)
            os.close(document)
            _report(channel, wire.UNAVAILABLE, 1)
            return True
        folder = tempfile.mkdtemp(prefix="parser-")
        pid = os.fork()
        if pid == 0:
            _child(document, channel.fileno(), folder, request, limits)
        os.close(document)
        self._children[pid] = _Child(channel, folder, time.monotonic() + limits.parser_wall_s)
        return True

    def _prepare(self, module: str) -> None:
        """Imports a format's parser before the first fork that needs it."""
        if module not in self._ready:
            load(module)
            self._ready.add(module)
            gc.collect()
            gc.freeze()

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is not None:
                shutil.rmtree(child.folder, ignore_errors=True)
                _report(child.channel, child.cause, os.waitstatus_to_exitcode(status))

    def _stop_overdue(self, readable: set[int]) -> None:
        """Ends children that are past their time, or whose parent no longer listens."""
        now = time.monotonic()
        for pid, child in self._children.items():
            abandoned = child.channel.fileno() in readable
            if child.cause == wire.ENDED and (abandoned or now >= child.deadline):
                child.cause = wire.ABANDONED if abandoned else wire.DEADLINE
                child.deadline = now + 1
                _kill(pid)


def _child(
    document: int, channel: int, folder: str, request: wire.Request, limits: IngestionSettings
) -> NoReturn:
    """Parses one document and ends; everything here runs in the forked child."""
    status = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        confinement.close_other_files({document, channel})
        os.chdir(folder)
        tempfile.tempdir = folder
        gc.set_threshold(_COLLECT_EVERY, 20, 20)
        confinement.limit_resources(limits.parser_memory_bytes, limits.parser_cpu_s)
        landlock.restrict_files(folder)
        confinement.refuse_system_calls()
        kind, answer = _answer(document, request, limits)
        with open(channel, "wb", closefd=False) as stream:
            stream.write(wire.HEADER.pack(kind, len(answer)))
            stream.write(answer)
        status = 0
    finally:
        os._exit(status)


def _answer(document: int, request: wire.Request, limits: IngestionSettings) -> tuple[int, bytes]:
    try:
        with open(document, "rb") as stream:
            data = stream.read()
        source = Source(data, request.filename, BY_NAME[request.format], limits)
        return wire.RESULT, wire.encode_document(parse_source(source))
    except Unreadable as error:
        return wire.FAILURE, wire.encode_failure(error)
    except MemoryError:
        return wire.FAILURE, wire.encode_failure(
            OutOfMemory("The document needs more memory than a document may use.")
        )
    except Exception as error:  # noqa: BLE001 - on bytes of strangers a parser may raise anything
        return wire.FAILURE, wire.encode_failure(
            Broken(
                "The document is damaged, or built in a way that its reader does not know.",
                detail=_place(error),
            )
        )


def _place(error: Exception) -> str:
    """Kind and place of an exception; its message could hold text of the document."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + where


def _report(channel: socket.socket, cause: int, status: int) -> None:
    """Tells how a child ended, to a parent that may no longer listen, and closes the channel."""
    with channel, contextlib.suppress(OSError):
        channel.settimeout(_REPORT_TIMEOUT_S)
        channel.sendall(wire.REPORT.pack(wire.REPORT_MARK, cause, status))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Entry point; the argument is the number of the control socket's descriptor."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        Server(control).run()


if __name__ == "__main__":
    main()
