"""How a function proves to PostgreSQL who it is: a password, or a token of IAM.

A secret is a password, or JSON as RDS and Secrets Manager write it: `{"username": ..., "password": ...}`.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from footnote.platform.errors import ServiceUnavailable

_TOKEN_S = 900
"""Life of a token (Amazon RDS User Guide, "IAM database authentication")."""


class SecretReader(Protocol):
    """Gives a secret's text by its id; plain or awaitable."""

    def get(self, secret_id: str) -> str | Awaitable[str]: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name, where the secret knows it, and a password."""

    username: str | None
    password: str = field(repr=False)


async def read_credentials(secrets: SecretReader, secret_id: str) -> Credentials:
    """Reads a secret of either form.

    Raises:
        ServiceUnavailable: It cannot be read, or holds no password.
    """
    answer = secrets.get(secret_id)
    text = await answer if inspect.isawaitable(answer) else answer
    if not text.startswith("{"):
        return Credentials(None, text)
    try:
        content = json.loads(text)
        return Credentials(content.get("username"), content["password"])
    except (ValueError, KeyError, AttributeError) as error:
        raise ServiceUnavailable("A required secret holds no password.") from error


def iam_token(host: str, port: int, user: str, region: str) -> str:
    """A token that stands for the password, signed with the function's own credentials; good for 15 minutes.

    Raises:
        ServiceUnavailable: There are no credentials to sign with.
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as AwsCredentials

    try:
        keys = AwsCredentials(
            os.environ["AWS_ACCESS_KEY_ID"],
            os.environ["AWS_SECRET_ACCESS_KEY"],
            os.environ.get("AWS_SESSION_TOKEN"),
        )
    except KeyError as error:
        raise ServiceUnavailable(
            "The database cannot be signed in to: no AWS credentials are set."
        ) from error
    request = AWSRequest(
        method="GET", url=f"https://{host}:{port}/", params={"Action": "connect", "DBUser": user}
    )
    SigV4QueryAuth(keys, "rds-db", region, expires=_TOKEN_S).add_auth(request)
    signed = urlsplit(str(request.url))
    return f"{signed.netloc}/?{signed.query}"
