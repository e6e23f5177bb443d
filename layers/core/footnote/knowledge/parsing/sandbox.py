"""Parses documents of strangers in processes that may die.

One long-lived parser process (`worker.py`) is started when it is first needed and forks a confined child
per document: a few milliseconds instead of an interpreter start. The parent only ever reads bounded JSON
from a pipe, so memory exhaustion, endless loops, crashes and floods of output end in an `Unreadable`. Nothing
here is bound to an event loop or needs shared memory: it works in Lambda, where loops come and go and
processes are frozen between invocations.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing import wire
from footnote.knowledge.parsing.errors import (
    Crashed,
    OutOfMemory,
    OutputTooLarge,
    Oversized,
    ParserUnavailable,
    TimedOut,
    Unreadable,
    from_code,
)
from footnote.knowledge.parsing.formats import format_of
from footnote.platform.settings import IngestionSettings

_WORKER = "footnote.knowledge.parsing.worker"
_GRACE_S = 5.0  # beyond the wall clock that the worker itself enforces
_CHUNK = 1024 * 1024
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "HOME")


class Sandbox:
    """A parser process and the way to it. Safe to use from many threads and event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def parse(self, source: Path | bytes, filename: str, limits: IngestionSettings) -> ParsedDocument:
        """Parses a document; see `parsing.parse`."""
        cancelled = threading.Event()
        try:
            return await asyncio.to_thread(self.parse_blocking, source, filename, limits, cancelled)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def parse_blocking(
        self,
        source: Path | bytes,
        filename: str,
        limits: IngestionSettings,
        cancelled: threading.Event | None = None,
    ) -> ParsedDocument:
        """The same for callers without an event loop. Setting `cancelled` ends the parser within 0.2 s."""
        entry = format_of(filename)
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > limits.max_bytes:
            raise Oversized(
                f"The file is larger than {limits.max_bytes // 1024**2} MB. "
                "Split it or make its pictures smaller."
            )
        request = wire.Request(filename[-1000:], entry.name, limits.model_dump())
        cancelled = cancelled or threading.Event()
        with _opened(source) as document:
            answer = self._exchange(request, document, limits, cancelled)
            if answer.lost and not answer.accepted:
                # The parser process had died before this document came: a new one takes it.
                answer = self._exchange(request, document, limits, cancelled)
        return _document(answer, limits)

    def start(self) -> None:
        """Starts the parser process now instead of with the first document."""
        with self._lock:
            self._ensure()

    def close(self) -> None:
        """Ends the parser process and whatever it is doing."""
        with self._lock:
            self._stop()

    def _exchange(
        self,
        request: wire.Request,
        document: IO[bytes],
        limits: IngestionSettings,
        cancelled: threading.Event,
    ) -> _Answer:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self._send(request, document, theirs)
            answer = _receive(ours, limits, cancelled)
        if answer.lost:
            # Neither an answer nor an obituary: the parser process itself is gone or stuck.
            with self._lock:
                self._stop()
        return answer

    def _send(self, request: wire.Request, document: IO[bytes], channel: socket.socket) -> None:
        """Hands a request over, to a new parser process if the old one has died."""
        message = request.encode()
        with self._lock:
            for last in (False, True):
                control = self._ensure()
                try:
                    socket.send_fds(control, [message], [document.fileno(), channel.fileno()])
                except OSError as error:
                    self._stop()
                    if last:
                        raise ParserUnavailable("the parser process does not accept requests") from error
                else:
                    return

    def _ensure(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._control is None:
            self._process, self._control = _start()
        return self._control

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._process = None


@dataclass(slots=True)
class _Answer:
    """What came back: the child's frame and the worker's report of its end."""

    accepted: bool = False
    kind: int = 0
    body: bytes = b""
    cause: int | None = None
    status: int = 0
    overflow: bool = False
    overdue: bool = False
    cancelled: bool = False

    @property
    def lost(self) -> bool:
        return self.cause is None and not self.cancelled and not self.overflow


def _start() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Starts the parser process with the caller's modules but without its secrets."""
    ours, theirs = socket.socketpair(
        socket.AF_UNIX, socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
    )
    variables = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    variables["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    flags = [flag for flag, set_ in (("-S", sys.flags.no_site), ("-B", sys.dont_write_bytecode)) if set_]
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module in our own interpreter
                [sys.executable, "-P", *flags, "-m", _WORKER, str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise ParserUnavailable("the parser process cannot be started") from error
    return process, ours


def _opened(source: Path | bytes) -> IO[bytes]:
    """The document as an open file, in memory where the system has such files."""
    if isinstance(source, Path):
        return source.open("rb")
    if hasattr(os, "memfd_create"):
        stream: IO[bytes] = open(os.memfd_create("document"), "w+b")  # noqa: PTH123, SIM115 - a descriptor
    else:
        stream = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    stream.write(source)
    stream.seek(0)
    return stream


def _receive(channel: socket.socket, limits: IngestionSettings, cancelled: threading.Event) -> _Answer:
    """Reads frames until the worker closes the channel, within time and size."""
    answer = _Answer()
    deadline = time.monotonic() + limits.parser_wall_s + _GRACE_S
    buffer = bytearray()
    allowed = limits.parser_output_bytes + wire.HEADER.size + wire.REPORT.size + len(wire.ACCEPTED)
    while True:
        if cancelled.is_set():
            answer.cancelled = True
            return answer
        left = deadline - time.monotonic()
        if left <= 0:
            answer.overdue = True
            return answer
        readable, _, _ = select.select([channel], [], [], min(left, 0.2))
        if not readable:
            continue
        data = channel.recv(_CHUNK)
        if not data:
            break
        buffer += data
        if len(buffer) > allowed:
            answer.overflow = True
            return answer
    _split(bytes(buffer), answer)
    return answer


def _split(data: bytes, answer: _Answer) -> None:
    """Takes the worker's receipt, the child's frame and the worker's report apart."""
    answer.accepted = data.startswith(wire.ACCEPTED)
    data = data[len(wire.ACCEPTED) :]
    if len(data) >= wire.REPORT.size:
        mark, cause, status = wire.REPORT.unpack_from(data, len(data) - wire.REPORT.size)
        if mark == wire.REPORT_MARK:
            answer.cause, answer.status = cause, status
            data = data[: -wire.REPORT.size]
    if len(data) >= wire.HEADER.size:
        kind, size = wire.HEADER.unpack_from(data)
        if len(data) == wire.HEADER.size + size:
            answer.kind, answer.body = kind, data[wire.HEADER.size :]


def _document(answer: _Answer, limits: IngestionSettings) -> ParsedDocument:
    """The document, or the reason why there is none.

    Raises:
        Unreadable: The document could not be read.
        ParserUnavailable: The deployment lacks a parser's module.
    """
    if answer.cancelled:
        raise ParserUnavailable("the caller gave up waiting for the parser")
    if answer.overflow:
        raise OutputTooLarge(
            "The document produces more text than a document may have. Split it into smaller files."
        )
    if answer.cause == wire.UNAVAILABLE:
        raise ParserUnavailable(
            "a parser's module is missing; the parser process has said which on its error stream"
        )
    if answer.kind == wire.FAILURE:
        raise _failure(answer.body)
    if answer.kind == wire.RESULT and answer.status == 0:
        try:
            return wire.decode_document(answer.body)
        except wire.ProtocolError as error:
            raise Crashed("The document made its parser misbehave.", detail=str(error)) from error
    raise _death(answer, limits)


def _failure(body: bytes) -> Unreadable:
    try:
        fields = json.loads(body)
        return from_code(str(fields["code"]), str(fields["reason"])[:1000], str(fields["detail"])[:1000])
    except (ValueError, KeyError, TypeError) as error:
        return Crashed("The document made its parser misbehave.", detail=type(error).__name__)


def _death(answer: _Answer, limits: IngestionSettings) -> Unreadable:
    """Names the cause of a parser's end by its exit status."""
    if answer.overdue or answer.cause == wire.DEADLINE or answer.status == -signal.SIGXCPU:
        return TimedOut(f"Reading the document took longer than {limits.parser_wall_s} seconds.")
    if answer.cause is None:
        return Crashed("The parser stopped while it read the document.", detail="the parser process died")
    if answer.status == -signal.SIGKILL:
        return OutOfMemory(
            "The document needs more memory than a document may use.", detail="killed by the system"
        )
    return Crashed(
        "The document made its parser crash: it is damaged or was built to do so.",
        detail=f"status {answer.status}",
    )
