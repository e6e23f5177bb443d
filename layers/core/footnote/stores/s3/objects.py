"""Document objects in S3: tickets for uploads, reading to disk, removing."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from footnote.knowledge.ports import ObjectGone, ObjectTooLarge, StoredObject, UploadTicket
from footnote.platform.clock import Clock
from footnote.platform.settings import StorageSettings
from footnote.stores.s3.presign import presign_put

if TYPE_CHECKING:
    from footnote.stores.s3.transport import S3Transport


class S3ObjectStore:
    """`footnote.knowledge.ports.ObjectStore` on S3.

    Args:
        settings: Bucket, region, and the endpoint where it is not AWS's own.
        clock: Time.
    """

    def __init__(self, settings: StorageSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    @cached_property
    def _transport(self) -> S3Transport:
        from footnote.stores.s3.transport import S3Transport

        return S3Transport(self._settings)

    def presign_put(self, key: str, content_type: str, content_length: int | None) -> UploadTicket:
        """See `ObjectStore.presign_put`."""
        return presign_put(self._settings, self._clock, key, content_type, content_length)

    async def download(self, item: StoredObject, target: Path, max_bytes: int) -> str:
        """See `ObjectStore.download`."""
        digest, size = hashlib.sha256(), 0
        async with self._transport.request("GET", item) as response:
            if response is None:
                raise ObjectGone
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
        async with self._transport.request("DELETE", item):
            pass

    async def close(self) -> None:
        """Closes the connections; the next request opens new ones."""
        await self._transport.close()
