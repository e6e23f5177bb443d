"""The client: signs in again, waits when told to, and says what the API said."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.client import ApiClient, ApiError, ApiUnreachable


class Api(ThreadingHTTPServer):
    """A server that gives prepared answers in order and remembers the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[tuple[int, dict[str, str], Any]]] = {}
        self.requests: list[tuple[str, str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def will(self, path: str, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.answers.setdefault(path, []).append((status, headers or {}, body))


class Handler(BaseHTTPRequestHandler):
    server: Api

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, self.headers.get("Authorization", ""), body))
        prepared = self.server.answers[self.path]
        status, headers, answer = prepared.pop(0) if len(prepared) > 1 else prepared[0]
        payload = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the base class looks for these names

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_token_that_ran_out_is_renewed(api: Api) -> None:
    api.will("/auth/login", 200, {"access_token": "first"})
    api.will("/auth/login", 200, {"access_token": "second"})
    api.will("/users/me", 401, {"code": "TOKEN_EXPIRED", "message": "expired"})
    api.will("/users/me", 200, {"email": "me"})
    with ApiClient(api.url) as client:
        client.login("me", "password")
        assert client.me() == {"email": "me"}
    assert [token for path, token, _ in api.requests if path == "/users/me"] == [
        "Bearer first",
        "Bearer second",
    ]


def test_a_busy_api_is_asked_again(api: Api) -> None:
    api.will("/health", 503, {"code": "SERVICE_UNAVAILABLE", "message": "busy"}, {"Retry-After": "0"})
    api.will("/health", 200, {"status": "healthy"})
    with ApiClient(api.url) as client:
        assert client.health() == {"status": "healthy"}


def test_a_long_pause_is_not_waited_for(api: Api) -> None:
    body = {"code": "QUOTA_EXCEEDED", "message": "Monthly quota exceeded", "details": {}, "request_id": "r-1"}
    api.will("/chat", 429, body, {"Retry-After": "86400"})
    with ApiClient(api.url) as client, pytest.raises(ApiError, match="Monthly quota") as caught:
        client.chat("why?")
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (429, "QUOTA_EXCEEDED", "r-1")


@pytest.mark.parametrize("from_file", [True, False])
def test_an_upload_sends_the_bytes_with_the_signed_headers(api: Api, tmp_path: Path, from_file: bool) -> None:
    content = b"a" * 100_000
    upload = {"method": "PUT", "url": f"{api.url}/bucket/key", "headers": {"Content-Type": "text/plain"}}
    api.will("/documents", 201, {"document": {"id": "d-1"}, "upload": upload})
    api.will("/bucket/key", 200, {})
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with ApiClient(api.url) as client:
        assert client.upload(file if from_file else content, "a.txt", tags=["x"]) == "d-1"
    asked = json.loads(api.requests[0][2])
    assert (asked["filename"], asked["size_bytes"], asked["tags"]) == ("a.txt", 100_000, ["x"])
    assert "category" not in asked
    assert api.requests[1] == ("/bucket/key", "", content)


def test_known_bytes_are_not_sent(api: Api) -> None:
    api.will("/documents", 200, {"document": {"id": "d-1"}, "upload": None})
    with ApiClient(api.url) as client:
        assert client.upload(b"known", "a.txt") == "d-1"
    assert len(api.requests) == 1


def test_waiting_ends_with_the_last_document_and_tells_each_change(api: Api) -> None:
    for status in ("pending", "processing", "processing", "completed"):
        api.will("/documents/a", 200, {"id": "a", "status": status, "stage": status})
    api.will("/documents/b", 200, {"id": "b", "status": "failed", "stage": "failed"})
    told: list[tuple[str, str]] = []
    with ApiClient(api.url) as client:
        done = client.wait(["a", "b"], on_change=lambda one: told.append((one["id"], one["status"])))
    assert {key: value["status"] for key, value in done.items()} == {"a": "completed", "b": "failed"}
    assert told == [("a", "pending"), ("b", "failed"), ("a", "processing"), ("a", "completed")]


def test_waiting_gives_up(api: Api) -> None:
    api.will("/documents/a", 200, {"id": "a", "status": "pending", "stage": "received"})
    with ApiClient(api.url) as client, pytest.raises(TimeoutError, match="1 documents"):
        client.wait(["a"], timeout_s=0)


def test_an_api_that_is_not_there_is_named(api: Api) -> None:
    with ApiClient("http://127.0.0.1:1") as client, pytest.raises(ApiUnreachable, match="did not answer"):
        client.health()
    upload = {"method": "PUT", "url": "http://127.0.0.1:1/bucket/key", "headers": {}}
    api.will("/documents", 201, {"document": {"id": "d-1"}, "upload": upload})
    with ApiClient(api.url) as client, pytest.raises(ApiUnreachable, match="storage"):
        client.upload(b"text", "a.txt")
