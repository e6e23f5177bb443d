"""A customer's server that webhooks are sent to, well-behaved or not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    def is_signed_with(self, secret: str) -> bool:
        """Verifies as the specification tells receivers to, with none of the product's code."""
        key = base64.b64decode(secret.split("_", 1)[1])
        content = b".".join([self.event_id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        sent = [one.split(",", 1) for one in self.headers["webhook-signature"].split(" ")]
        is_recent = abs(time.time() - int(self.headers["webhook-timestamp"])) < 300
        return is_recent and any(version == "v1" and value == expected for version, value in sent)


@dataclass
class Receiver:
    """A running server.

    Attributes:
        status: What the path `/hook` answers.
    """

    port: int
    status: int = 200
    received: list[Received] = field(default_factory=list)

    def url(self, path: str = "/hook", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"


class _Handler(BaseHTTPRequestHandler):
    """Answers by the path: what no method below is named after is answered in order."""

    protocol_version = "HTTP/1.1"
    receiver: Receiver
    over: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.received.append(Received(self.path, headers, body))
        misbehave = getattr(self, f"_{self.path[1:]}", None)
        with suppress(OSError):
            if misbehave is not None:
                misbehave()
            else:
                self._answer(self.receiver.status, b"thank you")

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self) -> None:
        self._answer(302, Location=self.receiver.url("/target"))

    def _silent(self) -> None:
        self.over.wait(30)

    def _drip(self) -> None:
        """Slow loris: a byte of the head at a time, for ever."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.over.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def _trickle(self) -> None:
        """A body that goes on for ever, slowly."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.over.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def _endless(self) -> None:
        """A body that goes on for ever, quickly."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.over.is_set():
            self.wfile.write(b"x" * 65_536)

    def _nonsense(self) -> None:
        self.wfile.write(b"I am no web server\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serves until the block ends; over TLS with the context that is given."""
    over, receiver = threading.Event(), Receiver(0)
    handler = type("Handler", (_Handler,), {"receiver": receiver, "over": over})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
