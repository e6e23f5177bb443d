"""moto behind the edge: relays requests, and speaks for the stack itself when it sets things up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from local.aws.errors import AwsError
from local.aws.http_types import Answer
from local.http import HttpClient, HttpError
from local.stack import REGION

_DROPPED = frozenset(
    {b"connection", b"content-length", b"date", b"keep-alive", b"server", b"transfer-encoding"}
)


class Moto:
    """A client of moto's server."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def relay(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Passes a request on as it is.

        Raises:
            AwsError: moto does not answer.
        """
        try:
            response = await self._client.request(method, target, headers=headers, body=body)
        except (HttpError, TimeoutError) as error:
            raise AwsError("ServiceUnavailable", "The service is restarting; try again.", 503) from error
        kept = [(name, value) for name, value in response.headers if name not in _DROPPED]
        return Answer(response.status, kept, response.body)

    async def call(self, service: str, target: str, parameters: Mapping[str, Any]) -> tuple[int, bytes]:
        """Calls an operation of a service that speaks JSON.

        Args:
            service: `secretsmanager`.
            target: `secretsmanager.GetSecretValue`.
            parameters: The operation's.

        Raises:
            AwsError: moto does not answer.
        """
        # moto tells services and regions apart by the credential's scope and checks no signature.
        scope = f"Credential=AKIAFOOTNOTE/20200101/{REGION}/{service}/aws4_request"
        headers = [
            (b"authorization", f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0".encode()),
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"x-amz-target", target.encode()),
        ]
        answer = await self.relay("POST", "/", headers, json.dumps(parameters).encode())
        assert isinstance(answer.body, bytes)
        return answer.status, answer.body

    async def call_s3(self, method: str, target: str, body: bytes = b"") -> int:
        """Calls an operation of S3; the answer's status."""
        scope = f"Credential=AKIAFOOTNOTE/20200101/{REGION}/s3/aws4_request"
        headers = [(b"authorization", f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0".encode())]
        return (await self.relay(method, target, headers, body)).status

    def close(self) -> None:
        """Closes kept connections."""
        self._client.close()
