"""Secrets through the extension's contract, against a small server that speaks it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import SecretsSettings
from footnote.stores.secrets.extension import SecretReader, StaticSecrets
from tests.support.clock import ManualClock


class _Extension(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secrets, self.asked, self.is_broken = {}, [], False


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        secret_id = parse_qs(url.query)["secretId"][0]
        self.server.asked.append((url.path, secret_id, self.headers["X-Aws-Parameters-Secrets-Token"]))
        found = self.server.secrets.get(secret_id)
        self.send_response(500 if self.server.is_broken else 200 if found is not None else 400)
        self.end_headers()
        self.wfile.write(json.dumps({"SecretString": found, "Name": secret_id}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the function's own")
    server = _Extension()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def reader(extension, clock):
    return SecretReader(SecretsSettings(extension_port=extension.server_port, cache_s=300), clock)


async def test_asks_as_the_extension_wants_it(extension, reader):
    extension.secrets["footnote/a b&c"] = "пароль\n"
    assert await reader.get("footnote/a b&c") == "пароль\n"
    assert extension.asked == [("/secretsmanager/get", "footnote/a b&c", "the function's own")]


async def test_a_secret_is_kept_for_its_cache_time(extension, reader, clock):
    extension.secrets["a"] = "old"
    assert await reader.get("a") == "old"
    extension.secrets["a"] = "new"
    clock.advance(299)
    assert await reader.get("a") == "old"
    clock.advance(2)
    assert await reader.get("a") == "new"
    assert len(extension.asked) == 2


async def test_a_known_secret_survives_an_outage_for_an_hour(extension, reader, clock):
    extension.secrets["a"] = "known"
    await reader.get("a")
    extension.is_broken = True
    clock.advance(301)
    for _ in range(3):
        assert await reader.get("a") == "known"
    assert len(extension.asked) == 2
    clock.advance(6)
    assert await reader.get("a") == "known"
    assert len(extension.asked) == 3
    clock.advance(3600)
    with pytest.raises(ServiceUnavailable):
        await reader.get("a")
    extension.is_broken = False
    assert await reader.get("a") == "known"


async def test_what_cannot_be_read_is_unavailable(extension, reader):
    with pytest.raises(ServiceUnavailable):
        await reader.get("missing")
    extension.secrets["binary"] = None
    with pytest.raises(ServiceUnavailable):
        await reader.get("binary")


async def test_an_extension_that_is_not_there(clock):
    reader = SecretReader(SecretsSettings(extension_port=1, timeout_s=0.2), clock)
    with pytest.raises(ServiceUnavailable):
        await reader.get("a")


async def test_secrets_from_memory():
    secrets = StaticSecrets({"a": "x"})
    assert await secrets.get("a") == "x"
    with pytest.raises(ServiceUnavailable):
        await secrets.get("b")
