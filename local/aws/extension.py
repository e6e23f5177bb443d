"""The AWS Parameters and Secrets Lambda extension: secrets over HTTP on the loopback address.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html. The session token
in `X-Aws-Parameters-Secrets-Token` says which function asks; it gets what its `function.toml` grants.
"""

from __future__ import annotations

import json
import time

from local.aws.credentials import Keyring
from local.aws.errors import AwsError
from local.aws.secrets_manager import SecretsManager
from local.aws.signature import SignedRequest
from local.http.asgi import Receive, Scope, Send, respond

_JSON = [(b"content-type", b"application/json")]
CACHE_S = 30.0


class SecretsExtension:
    """The extension's server, shared by all functions; an ASGI application.

    Args:
        keyring: Knows the functions by their tokens.
        secrets: Where secrets are read.
        cache_s: How long an answer is kept (`SECRETS_MANAGER_TTL`).
    """

    def __init__(self, keyring: Keyring, secrets: SecretsManager, cache_s: float = CACHE_S) -> None:
        self._keyring = keyring
        self._secrets = secrets
        self._cache_s = cache_s
        self._cached: dict[str, tuple[float, bytes]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        try:
            body = await self._answer(scope)
            await respond(send, 200, _JSON, body)
        except AwsError as error:
            document = {"__type": error.code, "Message": error.message}
            await respond(send, error.status, _JSON, json.dumps(document).encode())

    async def _answer(self, scope: Scope) -> bytes:
        query = scope["query_string"].decode("latin-1").replace("+", "%20")
        request = SignedRequest(scope["method"], scope["path"], query, ())
        if request.method != "GET" or request.path != "/secretsmanager/get":
            raise AwsError("NotFound", "not found", 404)
        token = dict(scope["headers"]).get(b"x-aws-parameters-secrets-token", b"").decode("latin-1")
        if not token:
            raise AwsError("Unauthorized", "X-Aws-Parameters-Secrets-Token is missing", 401)
        principal = self._keyring.by_session_token(token)
        if principal is None:
            raise AwsError("AccessDeniedException", "the token belongs to no function", 403)
        secret_id = dict(request.parameters()).get("secretId", "")
        principal.require_secret(secret_id)
        return await self._secret(secret_id)

    async def _secret(self, secret_id: str) -> bytes:
        known = self._cached.get(secret_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        body = await self._secrets.get(secret_id)
        self._cached[secret_id] = (time.monotonic() + self._cache_s, body)
        return body
