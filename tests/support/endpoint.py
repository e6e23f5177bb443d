"""What clients of a SageMaker endpoint meet in tests: credentials, checked signatures, servers that fail."""

from __future__ import annotations

import hashlib
import json

from local.aws.credentials import OPERATOR, Principal
from local.aws.signature import Authentication, SignedRequest, authenticate
from local.stack import Credentials
from tests.support.wire import Received, Reply, Script

REGION = "eu-central-1"
KEYS = Credentials("AKIAEXAMPLE", "the secret", "the session token")


class _OneCaller:
    """The keyring of a server that knows one caller."""

    def by_access_key(self, access_key_id: str) -> Principal:
        assert access_key_id == KEYS.access_key_id
        return Principal(OPERATOR, KEYS, None)


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
