"""The functions of identity over HTTP, on real engines, wired as the gateway wires them."""

import asyncio
import importlib
import json
from uuid import uuid4

import httpx
import pytest

from footnote.platform.invocations import run
from tests.support.identity import close, identity_secrets, make_container

ARN = "arn:aws:execute-api:us-east-1:000000000000:footnote/live"
ROUTES = {"/auth": "auth", "/users": "accounts"}


class Api:
    """Calls functions as the gateway does: the authorizer first, its answer as request context."""

    def __init__(self, apps, authorizer):
        self._clients = {
            name: httpx.AsyncClient(
                transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://api"
            )
            for name, app in apps.items()
        }
        self._authorizer = authorizer

    async def call(self, method, path, body=None, *, token=None, headers=None, content=None):
        context = {"requestId": str(uuid4()), "identity": {"sourceIp": "203.0.113.7"}}
        if token:
            context["authorizer"] = await self.authorize(token, method, path)
        client = next(self._clients[name] for prefix, name in ROUTES.items() if path.startswith(prefix))
        if body is not None:
            content = json.dumps(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        sent["x-amzn-request-context"] = json.dumps(context)
        return await client.request(method, path, content=content, headers=sent)

    async def authorize(self, token, method="GET", path="/users/me", header="Authorization"):
        event = {
            "type": "REQUEST",
            "methodArn": f"{ARN}/{method}{path}",
            "headers": {header: f"Bearer {token}"},
            "requestContext": {},
        }
        # In a thread, as the handler runs its own event loop.
        answer = await asyncio.to_thread(self._authorizer, event, None)
        return answer["context"]


@pytest.fixture
async def api(module_database, redis_server, monkeypatch):
    secrets, made = identity_secrets(), []

    def process(function, module, role):
        container = make_container(module_database, redis_server, role, secrets)
        made.append(container)
        monkeypatch.setattr(f"functions.{function}.{module}.container", lambda: container)
        return importlib.import_module(f"functions.{function}.handler")

    apps = {
        "auth": process("auth", "routes", "footnote_auth").app,
        "accounts": process("accounts", "routes", "footnote_app").app,
    }
    authorizer = process("authorizer", "handler", "nobody")
    yield Api(apps, authorizer.handler)
    for container in made[:2]:
        await close(container)
    await asyncio.to_thread(run, close(made[2]))
