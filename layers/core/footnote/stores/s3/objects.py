"""Reading and removing document objects: signed HTTP, streamed to disk."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import httpx
from botocore.auth import UNSIGNED_PAYLOAD, S3SigV4Auth
from botocore.awsrequest import AWSRequest

from footnote.knowledge.ports import ObjectGone, ObjectTooLarge, StoredObject, UploadTicket
from footnote.platform.clock import Clock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import StorageSettings
from footnote.stores.s3.addresses import SERVICE, credentials, object_url
from footnote.stores.s3.presign import presign_put

logger = get_logger("s3")

# A read may take its time between two pieces; a member waits for a removal.
_LIMITS = {"GET": httpx.Timeout(10.0, connect=2.0), "DELETE": httpx.Timeout(3.0, connect=1.0)}


class S3ObjectStore:
    """`footnote.knowledge.ports.ObjectStore` on S3.

    Args:
        settings: Bucket, region, and the endpoint where it is not AWS's own.
        clock: Time.
    """

    def __init__(self, settings: StorageSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def presign_put(self, key: str, content_type: str, content_length: int | None) -> UploadTicket:
        """See `ObjectStore.presign_put`."""
        return presign_put(self._settings, self._clock, key, content_type, content_length)

    async def download(self, item: StoredObject, target: Path, max_bytes: int) -> str:
        """See `ObjectStore.download`."""
        digest, size = hashlib.sha256(), 0
        async with self._request("GET", item) as response:
            if response.status_code == HTTPStatus.NOT_FOUND:
                raise ObjectGone
            _demand_success(response)
            with target.open("wb") as file:
                async for piece in response.aiter_bytes():
                    size += len(piece)
                    if size > max_bytes:
                        raise ObjectTooLarge
                    digest.update(piece)
                    file.write(piece)
        return digest.hexdigest()

    async def delete(self, item: StoredObject) -> None:
        """See `ObjectStore.delete`."""
        async with self._request("DELETE", item) as response:
            if response.status_code != HTTPStatus.NOT_FOUND:
                _demand_success(response)

    async def close(self) -> None:
        """Closes the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def _request(self, method: str, item: StoredObject) -> AsyncIterator[httpx.Response]:
        url, headers = self._signed(method, item)
        limits = _LIMITS[method]
        try:
            async with self._http().stream(method, url, headers=headers, timeout=limits) as response:
                yield response
        except httpx.HTTPError as error:
            logger.warning("object store unavailable", extra={"error": type(error).__name__})
            raise ServiceUnavailable("The object store cannot be reached right now.") from error

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


def _demand_success(response: httpx.Response) -> None:
    """Anything but success is the store's failure, not the document's; retried by whoever called."""
    if not response.is_success:
        logger.warning("object store failed", extra={"status": response.status_code})
        raise ServiceUnavailable("The object store did not answer as expected.")
