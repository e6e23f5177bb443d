"""Lists objects: `ListObjectsV2`, `ListObjects` and `ListObjectVersions`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import ClassVar
from urllib.parse import quote

from local.aws.errors import AwsError
from local.aws.http_types import Answer, S3Request, text_headers
from local.aws.moments import iso
from local.aws.objects import ObjectStore, ObjectVersion
from local.aws.xml import Fields, document

_PAGE = 1000
_HIGHEST = "\U0010ffff"
_TOP_SEQUENCE = 2**63 - 1

Entries = list[tuple[str, str | Fields]]


class Listing:
    """Answers listings of one store's buckets."""

    PARAMETERS: ClassVar[frozenset[str]] = frozenset(
        {"list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token", "encoding-type",
         "fetch-owner", "marker", "versions", "key-marker", "version-id-marker", "x-id"}
    )  # fmt: skip

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def serve(self, request: S3Request) -> Answer:
        """The page that is asked for.

        Raises:
            AwsError: A parameter is malformed.
        """
        body = self._versions(request) if "versions" in request.query else self._objects(request)
        return Answer(200, text_headers({"content-type": "application/xml"}), body)

    def _objects(self, request: S3Request) -> bytes:
        query = request.query
        second = query.get("list-type") == "2"
        prefix, delimiter, limit = query.get("prefix", ""), query.get("delimiter", ""), _limit(query)
        after = query.get("start-after", "") if second else query.get("marker", "")
        if "continuation-token" in query:
            after = _decode(query["continuation-token"])
        found, prefixes, more = self._page(request.bucket, prefix, delimiter, after, limit)
        last = max(
            [version.key for version in found[-1:]] + [common + _HIGHEST for common in prefixes[-1:]] + [""]
        )
        encode = _encoder(query)
        head: dict[str, str] = {"Name": request.bucket, "Prefix": encode(prefix), "MaxKeys": str(limit)}
        head |= {"Delimiter": encode(delimiter)} if delimiter else {}
        head |= {"EncodingType": "url"} if "encoding-type" in query else {}
        head["IsTruncated"] = "true" if more else "false"
        if second:
            head["KeyCount"] = str(len(found) + len(prefixes))
            head |= {"NextContinuationToken": _encode(last)} if more else {}
        elif more:
            head["NextMarker"] = encode(last.removesuffix(_HIGHEST))
        entries: Entries = [("Contents", _contents(version, encode(version.key))) for version in found]
        entries += [("CommonPrefixes", {"Prefix": encode(common)}) for common in prefixes]
        return document("ListBucketResult", head, *entries)

    def _page(
        self, bucket: str, prefix: str, delimiter: str, after: str, limit: int
    ) -> tuple[list[ObjectVersion], list[str], bool]:
        """One page of keys and common prefixes, and whether there is more."""
        found: list[ObjectVersion] = []
        prefixes: list[str] = []
        while True:
            wanted = limit - len(found) - len(prefixes) + 1
            versions = self._store.current_from(bucket, prefix, after, wanted)
            for version in versions:
                if len(found) + len(prefixes) == limit:
                    return found, prefixes, True
                cut = version.key.find(delimiter, len(prefix)) if delimiter else -1
                if cut >= 0:
                    prefixes.append(version.key[: cut + len(delimiter)])
                    after = prefixes[-1] + _HIGHEST  # all keys below it are one entry
                    break
                found.append(version)
                after = version.key
            else:
                if len(versions) < wanted:
                    return found, prefixes, False

    def _versions(self, request: S3Request) -> bytes:
        query = request.query
        prefix, limit = query.get("prefix", ""), _limit(query)
        after = (query.get("key-marker", ""), _TOP_SEQUENCE if "key-marker" not in query else 0)
        marker = query.get("version-id-marker")
        if marker:
            known = self._store.get(request.bucket, after[0], marker)
            after = (after[0], known.sequence if known else 0)
        rows = self._store.versions_from(request.bucket, prefix, after, limit + 1)
        page, more = rows[:limit], len(rows) > limit
        encode = _encoder(query)
        head: dict[str, str] = {"Name": request.bucket, "Prefix": encode(prefix), "MaxKeys": str(limit)}
        head |= {"EncodingType": "url"} if "encoding-type" in query else {}
        head["IsTruncated"] = "true" if more else "false"
        if more:
            last = page[-1][0]
            head |= {"NextKeyMarker": encode(last.key), "NextVersionIdMarker": last.version_id}
        entries: Entries = [_version_entry(version, latest, encode(version.key)) for version, latest in page]
        return document("ListVersionsResult", head, *entries)


def _contents(version: ObjectVersion, key: str) -> Fields:
    return {
        "Key": key,
        "LastModified": iso(version.modified),
        "ETag": f'"{version.etag}"',
        "Size": str(version.size),
        "StorageClass": "STANDARD",
    }


def _version_entry(version: ObjectVersion, latest: bool, key: str) -> tuple[str, Fields]:
    common = {
        "Key": key,
        "VersionId": version.version_id,
        "IsLatest": "true" if latest else "false",
        "LastModified": iso(version.modified),
    }
    if version.deleted:
        return "DeleteMarker", common
    stored = {"ETag": f'"{version.etag}"', "Size": str(version.size), "StorageClass": "STANDARD"}
    return "Version", {**common, **stored}


def _limit(query: dict[str, str]) -> int:
    text = query.get("max-keys", str(_PAGE))
    if not text.isdigit():
        raise AwsError("InvalidArgument", "max-keys must be a number")
    return min(int(text), _PAGE)


def _encoder(query: dict[str, str]) -> Callable[[str], str]:
    return partial(quote, safe="/") if query.get("encoding-type") == "url" else str


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except ValueError:
        raise AwsError("InvalidArgument", "The continuation token provided is incorrect") from None
