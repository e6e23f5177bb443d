"""S3's object operations on the buckets that the journal keeps."""

from __future__ import annotations

import asyncio
import re
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import unquote

from defusedxml import ElementTree

from local.aws.errors import AwsError
from local.aws.http_types import Answer, FileRange, S3Request, text_headers
from local.aws.journal import Journal, flush_file
from local.aws.moments import iso
from local.aws.objects import Condition, ObjectStore, ObjectVersion
from local.aws.payload import Received, expectations, receive
from local.aws.s3_headers import KEPT_HEADERS, kept_headers
from local.aws.s3_listing import Listing
from local.aws.s3_multipart import Multipart
from local.aws.xml import document, read_limited

OBJECT_LIMIT_BYTES = 5 * 1024**3
_RESPONSE_OVERRIDES = tuple(f"response-{name}" for name in KEPT_HEADERS)
_CHECKSUM = "x-amz-checksum-"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# Query parameters that name another operation on an object; those here are handled.
_PLAIN = frozenset({"versionId", "partNumber", "uploadId", "uploads", "x-id", *_RESPONSE_OVERRIDES})


class S3Service:
    """Answers requests on one or more buckets.

    Args:
        journal: Where bodies arrive.
        store: The objects.
    """

    def __init__(self, journal: Journal, store: ObjectStore) -> None:
        self._journal = journal
        self._store = store
        self._listing = Listing(store)
        self._multipart = Multipart(journal, store)

    def handles(self, request: S3Request) -> bool:
        """Whether it is an object operation or a listing; a bucket's configuration is moto's."""
        if request.key:
            return True
        if request.method == "GET":
            return not request.query.keys() - Listing.PARAMETERS
        return request.method == "POST" and "delete" in request.query

    async def serve(self, request: S3Request) -> Answer:
        """Does what is asked.

        Raises:
            AwsError: It cannot be done, or the caller may not.
        """
        if not request.key:
            return await self._serve_bucket(request)
        if "uploadId" in request.query or "uploads" in request.query:
            request.authentication.principal.require_bucket("write")
            return await self._multipart.serve(request)
        others = {name for name in request.query if not name.startswith("X-Amz-")} - _PLAIN
        operation = {"PUT": self._put, "GET": self._get, "HEAD": self._get, "DELETE": self._delete}.get(
            request.method
        )
        if others or operation is None:
            what = f"{request.method} ?{'&'.join(sorted(others))}" if others else request.method
            raise AwsError("NotImplemented", f"The local stack's S3 has no operation {what} on objects.", 501)
        return await operation(request)

    async def _serve_bucket(self, request: S3Request) -> Answer:
        if request.method == "POST":
            request.authentication.principal.require_bucket("delete")
            return await self._delete_many(request)
        request.authentication.principal.require_bucket("read")
        return self._listing.serve(request)

    async def _put(self, request: S3Request) -> Answer:
        request.authentication.principal.require_bucket("write")
        if "x-amz-copy-source" in request.headers:
            return await self._copy(request)
        _check_key(request.key)
        received = await self._receive(request)
        headers = kept_headers(request.headers)
        if received.checksum is not None:
            headers[f"{_CHECKSUM}{received.checksum[0]}"] = received.checksum[1]
        condition = Condition(request.headers.get("if-match"), request.headers.get("if-none-match"))
        version = await self._store.put(request.bucket, request.key, received, headers, condition=condition)
        return Answer(200, text_headers({**_identity(version), **_checksum(version)}))

    async def _receive(self, request: S3Request) -> Received:
        expected = expectations(request.headers, request.authentication.payload)
        if "content-length" not in request.headers and expected.decoded_length is None:
            raise AwsError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
        file = self._journal.incoming_file()
        received = await receive(request.chunks, expected, file, OBJECT_LIMIT_BYTES)
        await asyncio.to_thread(flush_file, file)
        return received

    async def _copy(self, request: S3Request) -> Answer:
        source_path, _, query = request.headers["x-amz-copy-source"].partition("?")
        bucket, _, key = unquote(source_path).lstrip("/").partition("/")
        request.authentication.principal.require_bucket("read")
        source = self._found(bucket, key, query.removeprefix("versionId=") or None)
        replace = request.headers.get("x-amz-metadata-directive") == "REPLACE"
        headers = kept_headers(request.headers) if replace else dict(source.headers)
        if bucket == request.bucket and key == request.key and not replace and not query:
            message = "This copy request is illegal because it is trying to copy an object to itself."
            raise AwsError("InvalidRequest", message)
        received = await asyncio.to_thread(self._store.copy_of, source)
        version = await self._store.put(
            request.bucket, request.key, received, headers, event="ObjectCreated:Copy", etag=source.etag
        )
        body = document(
            "CopyObjectResult", {"LastModified": iso(version.modified), "ETag": f'"{version.etag}"'}
        )
        identity = {**_identity(version), "x-amz-copy-source-version-id": source.version_id}
        identity.pop("etag")
        return Answer(200, text_headers({**identity, "content-type": "application/xml"}), body)

    async def _get(self, request: S3Request) -> Answer:
        request.authentication.principal.require_bucket("read")
        version = self._found(request.bucket, request.key, request.query.get("versionId"))
        headers = {
            "last-modified": formatdate(version.modified, usegmt=True),
            "accept-ranges": "bytes",
            "content-type": "binary/octet-stream",
            **_identity(version),
            **{name: value for name, value in version.headers.items() if not name.startswith(_CHECKSUM)},
        }
        headers |= {
            name.removeprefix("response-"): request.query[name]
            for name in _RESPONSE_OVERRIDES
            if name in request.query
        }
        if _not_modified(request, version):
            return Answer(304, text_headers(_identity(version)))
        start, end = _range(request.headers.get("range"), version.size)
        whole = (start, end) == (0, version.size)
        if not whole or "range" in request.headers:
            headers["content-range"] = f"bytes {start}-{end - 1}/{version.size}"
        if whole and request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= _checksum(version)
        body = FileRange(self._store.file(version), start, end)
        return Answer(206 if "content-range" in headers else 200, text_headers(headers), body)

    async def _delete(self, request: S3Request) -> Answer:
        request.authentication.principal.require_bucket("delete")
        version_id = request.query.get("versionId")
        if version_id is None:
            marker = await self._store.delete(request.bucket, request.key)
            return Answer(
                204, text_headers({"x-amz-delete-marker": "true", "x-amz-version-id": marker.version_id})
            )
        removed = await self._store.delete_version(request.bucket, request.key, version_id)
        headers = {"x-amz-version-id": version_id}
        if removed is not None and removed.deleted:
            headers["x-amz-delete-marker"] = "true"
        return Answer(204, text_headers(headers))

    async def _delete_many(self, request: S3Request) -> Answer:
        root = ElementTree.fromstring(await read_limited(request.chunks))
        results: list[tuple[str, dict[str, str]]] = []
        for item in root.iterfind("{*}Object"):
            key = item.findtext("{*}Key") or ""
            version_id = item.findtext("{*}VersionId")
            entry = {"Key": key}
            if version_id is None:
                marker = await self._store.delete(request.bucket, key)
                entry |= {"DeleteMarker": "true", "DeleteMarkerVersionId": marker.version_id}
            else:
                await self._store.delete_version(request.bucket, key, version_id)
                entry["VersionId"] = version_id
            results.append(("Deleted", entry))
        quiet = root.findtext("{*}Quiet") == "true"
        body = document("DeleteResult", *([] if quiet else results))
        return Answer(200, text_headers({"content-type": "application/xml"}), body)

    def _found(self, bucket: str, key: str, version_id: str | None) -> ObjectVersion:
        """A version that has a body.

        Raises:
            AwsError: There is none.
        """
        version = self._store.get(bucket, key, version_id)
        if version is None and version_id is not None:
            raise AwsError(
                "NoSuchVersion", "The specified version does not exist.", 404, Key=key, VersionId=version_id
            )
        if version is not None and version.deleted and version_id is not None:
            raise AwsError(
                "MethodNotAllowed", "The specified method is not allowed against this resource.", 405
            )
        if version is None or version.deleted:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=key)
        return version


def _identity(version: ObjectVersion) -> dict[str, str]:
    return {"etag": f'"{version.etag}"', "x-amz-version-id": version.version_id}


def _checksum(version: ObjectVersion) -> dict[str, str]:
    found = {name: value for name, value in version.headers.items() if name.startswith(_CHECKSUM)}
    return {**found, "x-amz-checksum-type": "FULL_OBJECT"} if found else {}


def _check_key(key: str) -> None:
    if len(key.encode()) > 1024:
        raise AwsError("KeyTooLongError", "Your key is too long", 400)


def _not_modified(request: S3Request, version: ObjectVersion) -> bool:
    """Evaluates a read's conditions.

    Raises:
        AwsError: `If-Match` does not hold.
    """
    match = request.headers.get("if-match")
    if match is not None and match.strip('"') != version.etag:
        raise AwsError(
            "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412
        )
    none_match = request.headers.get("if-none-match")
    if none_match is not None:
        return none_match.strip('"') == version.etag
    since = request.headers.get("if-modified-since")
    return since is not None and version.modified < parsedate_to_datetime(since).timestamp() + 1


def _range(header: str | None, size: int) -> tuple[int, int]:
    """First byte and the one behind the last.

    Raises:
        AwsError: The range lies outside of the object.
    """
    match = _RANGE.fullmatch(header) if header else None
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= end:
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416)
    return start, end
