"""Signed HTTP requests for objects. Apart from `objects`, so that presigning alone does not load a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlencode

import httpx
from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest

from footnote.knowledge.ports import StoredObject
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import StorageSettings
from footnote.stores.s3.addresses import SERVICE, credentials, object_url

logger = get_logger("s3")

# A read may take its time between two pieces; a member waits for a removal.
_LIMITS = {"GET": httpx.Timeout(10.0, connect=2.0), "DELETE": httpx.Timeout(3.0, connect=1.0)}


class S3Transport:
    """Connections to S3, kept open between invocations.

    Args:
        settings: Region, and the endpoint where it is not AWS's own.
    """

    def __init__(self, settings: StorageSettings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def request(self, method: str, item: StoredObject) -> AsyncIterator[httpx.Response | None]:
        """The answer to a `GET` or `DELETE`, its body not read yet; `None` if there is no such object.

        Raises:
            ServiceUnavailable: S3 failed, refused or did not answer in time. That is never the document's
                fault; whoever called tries again.
        """
        url, headers = self._signed(method, item)
        limits = _LIMITS[method]
        try:
            async with self._http().stream(method, url, headers=headers, timeout=limits) as response:
                if response.status_code == HTTPStatus.NOT_FOUND:
                    yield None
                elif response.is_success:
                    yield response
                else:
                    logger.warning("object store failed", extra={"status": response.status_code})
                    raise ServiceUnavailable("The object store did not answer as expected.")
        except httpx.HTTPError as error:
            logger.warning("object store unavailable", extra={"error": type(error).__name__})
            raise ServiceUnavailable("The object store cannot be reached right now.") from error

    async def close(self) -> None:
        """Closes the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _signed(self, method: str, item: StoredObject) -> tuple[str, dict[str, str]]:
        url = object_url(self._settings, item.bucket, item.key)
        if item.version_id:
            url += "?" + urlencode({"versionId": item.version_id})
        request = AWSRequest(method=method, url=url, headers={"x-amz-content-sha256": UNSIGNED_PAYLOAD})
        S3SigV4Auth(credentials(), SERVICE, self._settings.region).add_auth(request)
        return url, dict(request.headers.items())

    def _http(self) -> httpx.AsyncClient:
        """One client per event loop: connections cannot move between loops."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = httpx.AsyncClient(trust_env=False), loop
        return self._client
