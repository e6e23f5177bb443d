"""Calls of AWS services that speak JSON, signed by AWS's own signer, without the weight of an SDK client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.stores.s3.addresses import credentials

logger = get_logger("aws")

_CONNECT_S = 1.0


class AwsRefused(ServiceUnavailable):
    """The service answered with an error.

    Args:
        service: Its name.
        code: The error's name, as AWS gives it.
    """

    def __init__(self, service: str, code: str) -> None:
        super().__init__(f"The service {service} refused: {code}.")
        self.error_code = code


class AwsClient:
    """One service's connection, kept open between invocations.

    Args:
        service: Its name in signatures, for instance `sqs`.
        region: Its region.
        url: Its address, or what stands for it.
        timeout_s: Time limit of one call.
    """

    def __init__(self, service: str, region: str, url: str, timeout_s: float) -> None:
        self._service = service
        self._region = region
        self._url = url.rstrip("/")
        self._timeout = httpx.Timeout(timeout_s, connect=_CONNECT_S)
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def post(
        self, path: str, document: Mapping[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """One call; the answer's JSON.

        Raises:
            AwsRefused: The service answered with an error.
            ServiceUnavailable: It did not answer, or there are no credentials.
        """
        body = json.dumps(document).encode()
        url = self._url + path
        request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
        SigV4Auth(credentials(), self._service, self._region).add_auth(request)
        try:
            response = await self._http().post(
                url, content=body, headers=dict(request.headers.items()), timeout=self._timeout
            )
        except httpx.HTTPError as error:
            logger.warning(
                "service unavailable", extra={"service": self._service, "error": type(error).__name__}
            )
            raise ServiceUnavailable(f"The service {self._service} cannot be reached right now.") from error
        if not response.is_success:
            refusal = AwsRefused(self._service, _error_code(response))
            logger.warning(
                "service refused",
                extra={
                    "service": self._service,
                    "status": response.status_code,
                    "error": refusal.error_code,
                },
            )
            raise refusal
        return dict(response.json()) if response.content else {}

    async def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _http(self) -> httpx.AsyncClient:
        """One client per event loop: connections cannot move between loops."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = httpx.AsyncClient(trust_env=False), loop
        return self._client


def _error_code(response: httpx.Response) -> str:
    """The error's name: a header in one protocol, a field of the body in the other."""
    header = response.headers.get("x-amzn-errortype")
    if header:
        return str(header).split(":", 1)[0]
    try:
        document = response.json()
    except ValueError:
        return f"HTTP {response.status_code}"
    named = document.get("__type") if isinstance(document, dict) else None
    return str(named or f"HTTP {response.status_code}").rsplit("#", 1)[-1]
