"""The probes behind the health report, against servers that speak the real protocols."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from footnote.models.providers.probe import GenerationProbe
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.platform.settings import GenerationSettings, StorageSettings
from footnote.stores.s3.probe import StorageProbe
from footnote.stores.secrets.extension import StaticSecrets

BUCKET = "footnote-documents"


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


async def test_the_bucket_answers(s3):
    await StorageProbe(StorageSettings(bucket=BUCKET, endpoint_url=s3)).ping()


async def test_a_bucket_that_does_not_exist(s3):
    with pytest.raises(ServiceUnavailable):
        await StorageProbe(StorageSettings(bucket="another", endpoint_url=s3)).ping()


async def test_no_storage_at_all():
    with pytest.raises(ServiceUnavailable):
        await StorageProbe(StorageSettings(bucket=BUCKET, endpoint_url="http://127.0.0.1:1")).ping()


class _Models(BaseHTTPRequestHandler):
    """`GET /v1/models` of an OpenAI-compatible server that wants a key."""

    def do_GET(self):
        is_allowed = self.path == "/v1/models" and self.headers["Authorization"] == "Bearer the key"
        self.send_response(200 if is_allowed else 401)
        self.end_headers()
        self.wfile.write(b'{"object": "list", "data": []}')

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def generation_url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Models)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def _generation(url, key="the key"):
    settings = GenerationSettings(base_url=url, api_key_secret="generation")
    return GenerationProbe(settings, StaticSecrets({"generation": key}))


async def test_a_generation_server_that_is_ready(generation_url):
    await _generation(generation_url).ping()
    await _generation(generation_url + "/").ping()


async def test_a_generation_server_that_refuses_the_key(generation_url):
    with pytest.raises(ModelUnavailable):
        await _generation(generation_url, "another key").ping()


async def test_a_generation_server_that_is_not_there():
    with pytest.raises(ModelUnavailable):
        await _generation("http://127.0.0.1:1/v1").ping()


async def test_without_a_generation_server_answers_are_extractive_and_ready():
    await GenerationProbe(GenerationSettings(), StaticSecrets({})).ping()
