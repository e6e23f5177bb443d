"""Objects with all their versions, as S3 keeps them in a versioned bucket."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from local.aws.errors import AwsError
from local.aws.journal import Journal
from local.aws.payload import Received

_EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
_COLUMNS = "sequence, bucket, key, version_id, deleted, size, etag, body, modified, headers"
_HIGHEST = "\U0010ffff"

T = TypeVar("T")


class Observer(Protocol):
    """Learns of every write."""

    def record(self, connection: sqlite3.Connection, event: str, version: ObjectVersion) -> None:
        """Called inside of the write's transaction, in the writer's thread, with the event's name."""

    def committed(self) -> None:
        """Called once the write is on disk."""


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object.

    Attributes:
        sequence: Grows over all writes; S3's sequencer.
        deleted: A delete marker.
        body: Name of the file in the journal.
        modified: Seconds since the epoch.
        headers: Content type, user metadata and checksum, as they are returned.
    """

    sequence: int
    bucket: str
    key: str
    version_id: str
    deleted: bool
    size: int
    etag: str
    body: str | None
    modified: float
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Condition:
    """`If-Match` and `If-None-Match` of a write."""

    match: str | None = None
    none_match: str | None = None

    def check(self, current: ObjectVersion | None) -> None:
        """Checks the condition against the current version.

        Raises:
            AwsError: It does not hold.
        """
        exists = current is not None and not current.deleted
        etag = f'"{current.etag}"' if current is not None and exists else None
        if self.none_match is not None and exists and self.none_match in ("*", etag):
            raise _precondition_failed("If-None-Match")
        if self.match is not None and self.match.strip('"') != (etag or "").strip('"'):
            raise _precondition_failed("If-Match")


class ObjectStore:
    """Reads and writes object versions.

    Args:
        journal: Where they are kept.
        observer: Writes the messages about a version together with it.
    """

    def __init__(self, journal: Journal, observer: Observer) -> None:
        self._journal = journal
        self._observer = observer

    async def put(
        self,
        bucket: str,
        key: str,
        received: Received,
        headers: dict[str, str],
        *,
        event: str = "ObjectCreated:Put",
        condition: Condition | None = None,
        etag: str | None = None,
    ) -> ObjectVersion:
        """Adds a version.

        Args:
            bucket: Its bucket.
            key: Its key.
            received: The body; the file becomes the journal's.
            headers: Kept with it.
            event: The event's name.
            condition: Checked in the same transaction.
            etag: Where it is not the body's MD5.

        Raises:
            AwsError: The condition does not hold.
        """

        def work(connection: sqlite3.Connection) -> ObjectVersion:
            if condition is not None:
                condition.check(_current(connection, bucket, key))
            version = self._new_version(
                bucket,
                key,
                size=received.size,
                etag=etag or received.md5,
                body=self._journal.adopt(received.file),
                headers=headers,
            )
            _insert(connection, version)
            self._observer.record(connection, event, version)
            return version

        try:
            return await self._write(work)
        finally:
            received.file.unlink(missing_ok=True)

    async def delete(self, bucket: str, key: str) -> ObjectVersion:
        """Hides the object behind a delete marker."""

        def work(connection: sqlite3.Connection) -> ObjectVersion:
            marker = self._new_version(bucket, key, size=0, etag=_EMPTY_MD5, body=None, headers={})
            _insert(connection, marker)
            self._observer.record(connection, "ObjectRemoved:DeleteMarkerCreated", marker)
            return marker

        return await self._write(work)

    async def delete_version(self, bucket: str, key: str, version_id: str) -> ObjectVersion | None:
        """Removes one version for good; None where there is no such version."""

        def work(connection: sqlite3.Connection) -> ObjectVersion | None:
            rows = connection.execute(_DELETE, (bucket, key, version_id)).fetchall()
            if not rows:
                return None
            removed = _version(rows[0])
            sequenced = {**removed.__dict__, "sequence": self._journal.next_sequence()}
            self._observer.record(connection, "ObjectRemoved:Delete", ObjectVersion(**sequenced))
            return removed

        removed = await self._write(work)
        if removed is not None:
            self._journal.discard(removed.body)
        return removed

    def get(self, bucket: str, key: str, version_id: str | None = None) -> ObjectVersion | None:
        """The current version (which may be a delete marker), or the one named."""
        if version_id is None:
            rows = self._journal.read(_CURRENT, (bucket, key))
        else:
            statement = (
                f"SELECT {_COLUMNS} FROM object_versions WHERE bucket = ? AND key = ? AND version_id = ?"  # noqa: S608
            )
            rows = self._journal.read(statement, (bucket, key, version_id))
        return _version(rows[0]) if rows else None

    def file(self, version: ObjectVersion) -> Path:
        """Where the body lies."""
        assert version.body is not None
        return self._journal.body(version.body)

    def copy_of(self, version: ObjectVersion) -> Received:
        """The body of a version as a new file of its own (blocks)."""
        file = self._journal.incoming_file()
        try:
            os.link(self.file(version), file)
        except OSError:
            shutil.copyfile(self.file(version), file)
        return Received(file, version.size, version.etag, None)

    def current_from(self, bucket: str, prefix: str, after: str, limit: int) -> list[ObjectVersion]:
        """Current versions under a prefix, by key, those behind delete markers left out."""
        statement = f"""
            SELECT {_COLUMNS} FROM object_versions AS this
            WHERE bucket = ? AND key >= ? AND key > ? AND key < ? AND NOT deleted
              AND sequence = (SELECT max(sequence) FROM object_versions
                              WHERE bucket = this.bucket AND key = this.key)
            ORDER BY key LIMIT ?"""  # noqa: S608
        rows = self._journal.read(statement, (bucket, prefix, after, prefix + _HIGHEST, limit))
        return [_version(row) for row in rows]

    def versions_from(
        self, bucket: str, prefix: str, after: tuple[str, int], limit: int
    ) -> list[tuple[ObjectVersion, bool]]:
        """All versions under a prefix, by key and newest first; each with whether it is the current one.

        Args:
            bucket: The bucket.
            prefix: Of the keys.
            after: Key and sequence of the last one already seen.
            limit: The most to return.
        """
        key, sequence = after
        statement = f"""
            SELECT {_COLUMNS}, sequence = (SELECT max(sequence) FROM object_versions
                WHERE bucket = this.bucket AND key = this.key) AS latest
            FROM object_versions AS this
            WHERE bucket = ? AND key >= ? AND key < ? AND (key > ? OR (key = ? AND sequence < ?))
            ORDER BY key, sequence DESC LIMIT ?"""  # noqa: S608
        parameters = (bucket, prefix, prefix + _HIGHEST, key, key, sequence, limit)
        return [(_version(row), bool(row["latest"])) for row in self._journal.read(statement, parameters)]

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        result = await self._journal.write(work)
        self._observer.committed()
        return result

    def _new_version(self, bucket: str, key: str, **attributes: Any) -> ObjectVersion:
        return ObjectVersion(
            sequence=self._journal.next_sequence(),
            bucket=bucket,
            key=key,
            version_id=secrets.token_urlsafe(24),
            deleted=attributes["body"] is None,
            modified=time.time(),
            **attributes,
        )


_CURRENT = (
    f"SELECT {_COLUMNS} FROM object_versions WHERE bucket = ? AND key = ? ORDER BY sequence DESC LIMIT 1"  # noqa: S608
)

_DELETE = f"DELETE FROM object_versions WHERE bucket = ? AND key = ? AND version_id = ? RETURNING {_COLUMNS}"  # noqa: S608


def _current(connection: sqlite3.Connection, bucket: str, key: str) -> ObjectVersion | None:
    row = connection.execute(_CURRENT, (bucket, key)).fetchone()
    return _version(row) if row else None


def _insert(connection: sqlite3.Connection, version: ObjectVersion) -> None:
    values = {**version.__dict__, "headers": json.dumps(version.headers)}
    names = ", ".join(f":{name}" for name in _COLUMNS.split(", "))
    connection.execute(f"INSERT INTO object_versions ({_COLUMNS}) VALUES ({names})", values)  # noqa: S608


def _version(row: sqlite3.Row) -> ObjectVersion:
    values = {name: row[name] for name in _COLUMNS.split(", ")}
    values |= {"deleted": bool(row["deleted"]), "headers": json.loads(row["headers"])}
    return ObjectVersion(**values)


def _precondition_failed(condition: str) -> AwsError:
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, 412, Condition=condition)
