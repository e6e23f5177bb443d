"""What clients of a SageMaker endpoint meet in tests: credentials, checked signatures, servers that fail."""

from __future__ import annotations

import hashlib
import json

from local.aws.credentials import OPERATOR, Keyring, Principal
from local.aws.signature import Authentication, SignedRequest, authenticate
from local.stack import Credentials
from tests.support.wire import Received, Reply, Script

REGION = "eu-central-1"
KEYS = Credentials("AKIAEXAMPLE", "the secret", "the session token")


class _OneCaller(Keyring):
    """The keyring of a server that knows one caller."""

    def __init__(self) -> None:
        caller = Principal(OPERATOR, KEYS, None)
        self._by_key = {KEYS.access_key_id: caller}
        self._by_token = {KEYS.session_token: caller}


def check_signature(received: Received, body: bytes | None = None) -> Authentication:
    """Who signed a request, or signed it with another body.

    Raises:
        AwsError: Nobody did, or not rightly.
    """
    path, _, query = received.path.partition("?")
    signed = SignedRequest(received.method, path, query, list(received.headers.items()))
    digest = hashlib.sha256(received.body if body is None else body).hexdigest()
    return authenticate(signed, _OneCaller(), body_hash=digest)


def answering(status: int, body: bytes = b"{}") -> Script:
    """Always the same answer."""

    async def script(received: Received, reply: Reply) -> None:
        await reply.whole(status, body)

    return script


def model_error(status: int) -> Script:
    """What SageMaker makes of any error of a container."""
    return answering(424, json.dumps({"ErrorCode": "X", "OriginalStatusCode": status}).encode())


async def cutting(received: Received, reply: Reply) -> None:
    """No answer: the connection ends."""
    reply.cut()


async def silent(received: Received, reply: Reply) -> None:
    """No answer for as long as the client waits."""
    await reply.until_hung_up()
