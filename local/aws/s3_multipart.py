"""Multipart uploads: parts arrive one by one, completion makes them one object with one event."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Sequence

from defusedxml import ElementTree

from local.aws.errors import AwsError
from local.aws.http_types import Answer, S3Request, text_headers
from local.aws.journal import Journal, flush_file
from local.aws.moments import iso
from local.aws.objects import ObjectStore
from local.aws.payload import Received, expectations, receive
from local.aws.s3_headers import kept_headers
from local.aws.xml import document, read_limited

PART_LIMIT_BYTES = 5 * 1024**3
_MIN_PART_BYTES = 5 * 1024**2
_MAX_PARTS = 10_000
_XML = {"content-type": "application/xml"}


class Multipart:
    """Answers the operations of multipart uploads."""

    def __init__(self, journal: Journal, store: ObjectStore) -> None:
        self._journal = journal
        self._store = store

    async def serve(self, request: S3Request) -> Answer:
        """Does what is asked.

        Raises:
            AwsError: There is no such upload, or what was sent does not fit.
        """
        match request.method, "uploads" in request.query:
            case "POST", True:
                return await self._create(request)
            case "PUT", False if "x-amz-copy-source" not in request.headers:
                return await self._add_part(request)
            case "POST", False:
                return await self._complete(request)
            case "DELETE", False:
                return await self._abort(request)
            case "GET", False:
                return self._list_parts(request)
        raise AwsError("NotImplemented", "The local stack's S3 has no such multipart operation.", 501)

    async def _create(self, request: S3Request) -> Answer:
        upload_id = secrets.token_urlsafe(48)
        row = (upload_id, request.bucket, request.key, json.dumps(kept_headers(request.headers)), time.time())
        await self._journal.write(
            lambda connection: connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", row)
        )
        fields = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload_id}
        return Answer(200, text_headers(_XML), document("InitiateMultipartUploadResult", fields))

    async def _add_part(self, request: S3Request) -> Answer:
        upload_id, _ = self._upload(request)
        number = request.query.get("partNumber", "")
        if not number.isdigit() or not 1 <= int(number) <= _MAX_PARTS:
            raise AwsError("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        file = self._journal.incoming_file()
        expected = expectations(request.headers, request.authentication.payload)
        received = await receive(request.chunks, expected, file, PART_LIMIT_BYTES)
        await asyncio.to_thread(flush_file, file)

        def work(connection: sqlite3.Connection) -> str | None:
            former = connection.execute(
                "SELECT body FROM parts WHERE upload_id = ? AND number = ?", (upload_id, int(number))
            ).fetchone()
            body = self._journal.adopt(file)
            connection.execute(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)",
                (upload_id, int(number), received.size, received.md5, body, time.time()),
            )
            return former[0] if former else None

        self._journal.discard(await self._journal.write(work))
        headers = {"etag": f'"{received.md5}"'}
        if received.checksum is not None:
            headers[f"x-amz-checksum-{received.checksum[0]}"] = received.checksum[1]
        return Answer(200, text_headers(headers))

    async def _complete(self, request: S3Request) -> Answer:
        upload_id, headers = self._upload(request)
        named = _named_parts(await read_limited(request.chunks))
        parts = self._chosen(upload_id, named)
        received = await asyncio.to_thread(self._join, parts)
        digest = hashlib.md5(b"".join(bytes.fromhex(part["etag"]) for part in parts), usedforsecurity=False)
        version = await self._store.put(
            request.bucket,
            request.key,
            received,
            headers,
            event="ObjectCreated:CompleteMultipartUpload",
            etag=f"{digest.hexdigest()}-{len(parts)}",
        )
        await self._forget(upload_id)
        fields = {"Bucket": request.bucket, "Key": request.key, "ETag": f'"{version.etag}"'}
        identity = {**_XML, "x-amz-version-id": version.version_id}
        return Answer(200, text_headers(identity), document("CompleteMultipartUploadResult", fields))

    async def _abort(self, request: S3Request) -> Answer:
        upload_id, _ = self._upload(request)
        await self._forget(upload_id)
        return Answer(204)

    def _list_parts(self, request: S3Request) -> Answer:
        upload_id, _ = self._upload(request)
        rows = self._journal.read("SELECT * FROM parts WHERE upload_id = ? ORDER BY number", (upload_id,))
        head = {"Bucket": request.bucket, "Key": request.key, "UploadId": upload_id, "IsTruncated": "false"}
        parts = [
            (
                "Part",
                {
                    "PartNumber": str(row["number"]),
                    "ETag": f'"{row["etag"]}"',
                    "Size": str(row["size"]),
                    "LastModified": iso(row["modified"]),
                },
            )
            for row in rows
        ]
        return Answer(200, text_headers(_XML), document("ListPartsResult", head, *parts))

    def _upload(self, request: S3Request) -> tuple[str, dict[str, str]]:
        """Id and headers of the upload that a request names.

        Raises:
            AwsError: There is none for this key.
        """
        upload_id = request.query["uploadId"]
        rows = self._journal.read(
            "SELECT headers FROM uploads WHERE upload_id = ? AND bucket = ? AND key = ?",
            (upload_id, request.bucket, request.key),
        )
        if not rows:
            raise AwsError("NoSuchUpload", "The specified multipart upload does not exist.", 404)
        return upload_id, json.loads(rows[0]["headers"])

    def _chosen(self, upload_id: str, named: Sequence[tuple[int, str]]) -> list[sqlite3.Row]:
        rows = self._journal.read("SELECT * FROM parts WHERE upload_id = ?", (upload_id,))
        known = {row["number"]: row for row in rows}
        if [number for number, _ in named] != sorted({number for number, _ in named}):
            raise AwsError("InvalidPartOrder", "The list of parts was not in ascending order.")
        for number, etag in named:
            if number not in known or known[number]["etag"] != etag:
                raise AwsError("InvalidPart", "One or more of the specified parts could not be found.")
        parts = [known[number] for number, _ in named]
        if any(part["size"] < _MIN_PART_BYTES for part in parts[:-1]):
            raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        return parts

    def _join(self, parts: Sequence[sqlite3.Row]) -> Received:
        """The parts as one new file (blocks)."""
        file = self._journal.incoming_file()
        with file.open("wb") as target:
            for part in parts:
                with self._journal.body(part["body"]).open("rb") as source:
                    shutil.copyfileobj(source, target, 1024 * 1024)
        flush_file(file)
        return Received(file, sum(part["size"] for part in parts), "", None)

    async def _forget(self, upload_id: str) -> None:
        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT body FROM parts WHERE upload_id = ?", (upload_id,)).fetchall()
            connection.execute("DELETE FROM uploads WHERE upload_id = ?", (upload_id,))
            return [row["body"] for row in rows]

        for body in await self._journal.write(work):
            self._journal.discard(body)


def _named_parts(body: bytes) -> list[tuple[int, str]]:
    try:
        parts = ElementTree.fromstring(body).iterfind("{*}Part")
        named = [
            (int(part.findtext("{*}PartNumber") or ""), (part.findtext("{*}ETag") or "").strip('"'))
            for part in parts
        ]
    except (ElementTree.ParseError, ValueError):
        named = []
    if not named:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed.")
    return named
