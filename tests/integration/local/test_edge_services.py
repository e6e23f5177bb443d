"""Secrets over the Lambda extension, and model endpoints over SageMaker's API."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest

from local.http.asgi import HttpServer, read_body, respond
from local.stack import EMBEDDING_ENDPOINT, function_credentials
from tests.integration.local.test_edge_objects import call, client, refused


@pytest.fixture
async def extension(stack):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stack.config.ports.extension}") as extension:
        yield extension


def asked(stack, secret, function="echo"):
    token = function_credentials(stack.config, function).session_token
    headers = {"X-Aws-Parameters-Secrets-Token": token}
    return {"url": "/secretsmanager/get", "params": {"secretId": secret}, "headers": headers}


async def test_a_function_reads_the_secrets_it_is_granted(stack, extension):
    response = await extension.get(**asked(stack, "footnote/redis"))
    assert response.status_code == 200
    document = response.json()
    assert document["SecretString"] == "hidden"
    assert document["Name"] == "footnote/redis"


@pytest.mark.parametrize("secret", ["footnote/postgres/footnote_app", "footnote/nothing"])
async def test_other_secrets_are_refused(stack, extension, secret):
    response = await extension.get(**asked(stack, secret))
    assert response.status_code == 403
    assert "pässword" not in response.text


async def test_nobody_else_reads_secrets(stack, extension):
    url = "/secretsmanager/get?secretId=footnote/redis"
    assert (await extension.get(url)).status_code == 401
    wrong = {"X-Aws-Parameters-Secrets-Token": "guess"}
    assert (await extension.get(url, headers=wrong)).status_code == 403


async def test_secrets_survive_an_outage_of_moto(stack, extension, moto):
    assert (await extension.get(**asked(stack, "footnote/redis"))).status_code == 200
    moto.process.stop()
    try:
        assert (await extension.get(**asked(stack, "footnote/redis"))).status_code == 200
    finally:
        moto.start()
        await asyncio.to_thread(moto.process.wait_until, moto.ready, 60)


@asynccontextmanager
async def models(stack, status=200, answer=b'{"ok": true}', delay_s=0.0):
    received = []

    async def container(scope, receive, send):
        received.append((scope["path"], dict(scope["headers"]), await read_body(receive, 1_000_000)))
        await asyncio.sleep(delay_s)
        await respond(send, status, [(b"content-type", b"application/json")], answer)

    server = HttpServer(container, stack.config.ports.models)
    await server.start()
    try:
        yield received
    finally:
        await server.stop()


def invocation(**changes):
    return {
        "EndpointName": EMBEDDING_ENDPOINT,
        "ContentType": "application/json",
        "Body": b'{"a": 1}',
        **changes,
    }


async def test_an_endpoint_is_invoked(stack):
    runtime = client(stack, "sagemaker-runtime", "echo")
    async with models(stack) as received:
        answer = await call(runtime.invoke_endpoint, **invocation())
        assert json.loads(answer["Body"].read()) == {"ok": True}
        assert answer["ContentType"] == "application/json"
    [(path, headers, body)] = received
    assert (path, body) == ("/invocations", b'{"a": 1}')
    assert headers[b"content-type"] == b"application/json"
    assert b"authorization" not in headers


async def test_a_failing_model_is_a_model_error(stack):
    runtime = client(stack, "sagemaker-runtime", "echo")
    async with models(stack, status=500, answer=b"boom"):
        assert await refused(runtime.invoke_endpoint, **invocation()) == "ModelError"
    assert await refused(runtime.invoke_endpoint, **invocation()) == "ServiceUnavailableException"


async def test_endpoints_need_a_grant_and_a_name(stack):
    stranger = client(stack, "sagemaker-runtime", "ingest")
    assert await refused(stranger.invoke_endpoint, **invocation()) == "AccessDeniedException"
    operator = client(stack, "sagemaker-runtime")
    unknown = invocation(EndpointName="nothing")
    assert await refused(operator.invoke_endpoint, **unknown) == "ValidationError"


async def test_an_unsigned_call_is_refused(stack):
    async with httpx.AsyncClient(base_url=stack.config.edge_url) as anyone:
        response = await anyone.post(f"/endpoints/{EMBEDDING_ENDPOINT}/invocations", json={})
        assert response.status_code == 403
        assert response.headers["x-amzn-errortype"] == "AccessDeniedException"
