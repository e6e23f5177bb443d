"""The stack that is measured: one that runs already, or one started for it and removed afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from local.client import ApiClient
from local.control import read_state
from local.paths import REPOSITORY, DataPaths
from local.ports import LOOPBACK, free_port

_UP_LIMIT_S = 300
_DOWN_LIMIT_S = 60
_POLL_S = 0.2
_PAGE = 100

Json = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """A running stack.

    Attributes:
        pid: The process below which everything runs; `None` for a stack that we did not start.
    """

    base_url: str
    pid: int | None

    @contextmanager
    def member(self) -> Iterator[ApiClient]:
        """A client signed in to a new organization of its own."""
        email, password = _new_account()
        with ApiClient(self.base_url) as client:
            client.register(email, password)
            client.login(email, password)
            yield client

    def bearer(self) -> str:
        """An access token of a new member, for clients that time bare requests."""
        email, password = _new_account()
        account = {"email": email, "password": password}
        with httpx.Client(base_url=self.base_url, timeout=30, trust_env=False) as http:
            http.post("/auth/register", json=account).raise_for_status()
            answer = http.post("/auth/login", json=account).raise_for_status()
        return str(answer.json()["access_token"])


class LocalStack:
    """`footnote up` and `footnote down` on a data directory and port of its own."""

    def __init__(self, directory: Path) -> None:
        self._data = DataPaths(directory)
        self._port = free_port()

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        state = read_state(self._data.state)
        if state is None:
            raise RuntimeError("the stack is gone; its logs went with its data directory")
        return state.pid

    def up(self) -> float:
        """Starts the stack; returns the seconds until it serves."""
        started = time.perf_counter()
        self._footnote("up", "--detach", "--port", str(self._port), limit_s=_UP_LIMIT_S)
        _wait_until_ready(self.base_url, _UP_LIMIT_S)
        return time.perf_counter() - started

    def down(self) -> None:
        """Stops the stack."""
        self._footnote("down", limit_s=_DOWN_LIMIT_S)

    def _footnote(self, command: str, *options: str, limit_s: float) -> None:
        program = [sys.executable, "-m", "local.cli", command]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY / "layers" / "core"), str(REPOSITORY)])
        done = subprocess.run(
            [*program, "--data-dir", str(self._data.root), *options],
            cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=limit_s, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"`footnote {command}` failed:\n{done.stdout[-3000:]}")


@contextmanager
def local_stack() -> Iterator[LocalStack]:
    """A stack that is not started yet, on a temporary directory; stopped and removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="footnote-measure-"))
    directory.chmod(0o755)  # servers run under another account when we are root
    stack = LocalStack(directory)
    try:
        yield stack
    finally:
        try:
            if read_state(DataPaths(directory).state) is not None:
                stack.down()
        finally:
            shutil.rmtree(directory)


@contextmanager
def service(base_url: str | None) -> Iterator[Service]:
    """The stack at `base_url`, or a fresh one if none is named.

    Raises:
        ValueError: The address is not on this machine.
    """
    if base_url is not None:
        if urlsplit(base_url).hostname not in {LOOPBACK, "localhost"}:
            raise ValueError(
                f"{base_url} is not on this machine: these measurements put load on what they measure"
            )
        yield Service(base_url, None)
        return
    with local_stack() as stack:
        print("Starting a stack for the measurement ...", flush=True)
        stack.up()
        yield Service(stack.base_url, stack.pid)


def warm_up(target: Service) -> None:
    """One document and one search in an organization of their own, so that everything has been loaded."""
    with target.member() as client:
        text = b"A first text, so that nothing is loaded for the first time while the clock runs."
        wait_for_all(client, [client.upload(text, "warm-up.txt", content_type="text/plain")], limit_s=60)
        client.search("first text")


def wait_for_all(client: ApiClient, document_ids: Sequence[str], limit_s: float) -> dict[str, Json]:
    """Waits until every document is in a terminal state; returns them by id.

    The list is asked, not each document, so that waiting costs little of what is measured.

    Raises:
        TimeoutError: Some are still on their way.
    """
    deadline = time.monotonic() + limit_s
    while open_ones := _open(client):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{open_ones} or more documents are not done after {limit_s:.0f} s")
        time.sleep(_POLL_S)
    listed = {document["id"]: document for document in _pages(client)}
    return {
        one: listed[one] if one in listed else client.document(one) for one in dict.fromkeys(document_ids)
    }


def _new_account() -> tuple[str, str]:
    return f"measure-{secrets.token_hex(6)}@footnote.example", secrets.token_urlsafe(18)


def _open(client: ApiClient) -> int:
    return sum(
        len(client.documents(status=status, limit=1)["documents"]) for status in ("pending", "processing")
    )


def _pages(client: ApiClient) -> Iterator[Json]:
    cursor: str | None = None
    while True:
        page = client.documents(limit=_PAGE, **({"cursor": cursor} if cursor else {}))
        yield from page["documents"]
        cursor = page.get("next_cursor")
        if cursor is None:
            return


def _wait_until_ready(base_url: str, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    with httpx.Client(base_url=base_url, timeout=5, trust_env=False) as http:
        while time.monotonic() < deadline:
            try:
                if http.get("/health/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.05)
    raise TimeoutError(f"{base_url} is not ready after {limit_s:.0f} s")
