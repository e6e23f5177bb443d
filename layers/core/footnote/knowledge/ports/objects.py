"""The bytes of documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object in S3; `version_id` is empty where the bucket keeps no versions."""

    bucket: str
    key: str
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """A presigned PUT: the client sends the bytes to `url` with exactly these `headers`."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class ObjectGone(Exception):
    """The object, or the version of it that was asked for, does not exist any more."""


class ObjectTooLarge(Exception):
    """The object has more bytes than were allowed; reading stopped."""


class ObjectStore(Protocol):
    """Document objects."""

    def presign_put(self, key: str, content_type: str, content_length: int | None) -> UploadTicket:
        """A ticket for one upload to the document bucket."""
        ...

    async def download(self, item: StoredObject, target: Path, max_bytes: int) -> str:
        """Writes the object to `target`, returns the hexadecimal SHA-256 of its bytes.

        Raises:
            ObjectGone: It does not exist.
            ObjectTooLarge: It has more than `max_bytes` bytes.
            ServiceUnavailable: The object store failed or did not answer in time.
        """
        ...

    async def delete(self, item: StoredObject) -> None:
        """Removes the object (that version, if one is named); no error if it is gone already.

        Raises:
            ServiceUnavailable: As `download`.
        """
        ...
