"""S3 at the edge: boto3 finds what it expects, versions are kept, signatures and grants are checked."""

import gzip
import hashlib
import io
import os
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import boto3
import httpx
import pytest
from anyio import to_thread
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.credentials import OPERATOR
from local.stack import BUCKET, function_credentials


def client(stack, service="s3", function=OPERATOR, **options):
    credentials = function_credentials(stack.config, function)
    return boto3.client(
        service,
        endpoint_url=stack.config.edge_url,
        region_name="us-east-1",
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=options.pop("secret", credentials.secret_access_key),
        aws_session_token=options.pop("token", credentials.session_token),
        config=Config(
            signature_version="s3v4" if service == "s3" else None,
            retries={"total_max_attempts": 1},
            **options,
        ),
    )


async def call(operation, **parameters):
    """Calls boto3 beside the event loop, which serves; a body is read there too."""

    def work():
        response = operation(**parameters)
        if "Body" in response:
            response["Body"] = io.BytesIO(response["Body"].read())
        return response

    return await to_thread.run_sync(work)


async def refused(operation, **parameters):
    with pytest.raises(ClientError) as caught:
        await call(operation, **parameters)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def s3(stack):
    return client(stack)


async def test_an_object_comes_back_as_it_was_put(s3):
    put = await call(
        s3.put_object, Bucket=BUCKET, Key="a b/ü+%.txt", Body=b"one", ContentType="text/plain",
        Metadata={"origin": "test"}, CacheControl="no-store",
    )  # fmt: skip
    assert put["ETag"] == f'"{hashlib.md5(b"one").hexdigest()}"'
    got = await call(s3.get_object, Bucket=BUCKET, Key="a b/ü+%.txt")
    assert got["Body"].read() == b"one"
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == (
        "text/plain", {"origin": "test"}, "no-store",
    )  # fmt: skip
    assert got["VersionId"] == put["VersionId"]
    head = await call(s3.head_object, Bucket=BUCKET, Key="a b/ü+%.txt")
    assert head["ContentLength"] == 3
    assert abs(head["LastModified"] - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
async def test_checksums_are_checked_and_returned(s3, algorithm):
    await call(s3.put_object, Bucket=BUCKET, Key="sum", Body=b"data", ChecksumAlgorithm=algorithm)
    got = await call(s3.get_object, Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"data"
    assert got[f"Checksum{algorithm}"]
    wrong = {f"Checksum{algorithm}": "AAAAAA=="}
    assert await refused(s3.put_object, Bucket=BUCKET, Key="sum", Body=b"data", **wrong) == "BadDigest"


async def test_ranges(s3):
    body = os.urandom(700_000)
    await call(s3.put_object, Bucket=BUCKET, Key="range", Body=io.BytesIO(body))
    for header, expected in [
        ("bytes=0-9", body[:10]),
        ("bytes=600000-", body[600_000:]),
        ("bytes=-5", body[-5:]),
    ]:
        got = await call(s3.get_object, Bucket=BUCKET, Key="range", Range=header)
        assert got["Body"].read() == expected
        assert got["ContentRange"].endswith("/700000")
    assert await refused(s3.get_object, Bucket=BUCKET, Key="range", Range="bytes=700000-") == "InvalidRange"


async def test_versions_and_delete_markers(s3):
    first = await call(s3.put_object, Bucket=BUCKET, Key="v", Body=b"1")
    second = await call(s3.put_object, Bucket=BUCKET, Key="v", Body=b"22")
    old = await call(s3.get_object, Bucket=BUCKET, Key="v", VersionId=first["VersionId"])
    assert old["Body"].read() == b"1"
    marker = await call(s3.delete_object, Bucket=BUCKET, Key="v")
    assert marker["DeleteMarker"] is True
    assert await refused(s3.get_object, Bucket=BUCKET, Key="v") == "NoSuchKey"
    assert await refused(s3.head_object, Bucket=BUCKET, Key="v") == "404"
    listed = await call(s3.list_object_versions, Bucket=BUCKET, Prefix="v")
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["Versions"]] == [
        (second["VersionId"], False), (first["VersionId"], False),
    ]  # fmt: skip
    assert [each["IsLatest"] for each in listed["DeleteMarkers"]] == [True]
    await call(s3.delete_object, Bucket=BUCKET, Key="v", VersionId=marker["VersionId"])
    assert (await call(s3.get_object, Bucket=BUCKET, Key="v"))["Body"].read() == b"22"
    await call(s3.delete_object, Bucket=BUCKET, Key="v", VersionId=second["VersionId"])
    assert (await call(s3.get_object, Bucket=BUCKET, Key="v"))["Body"].read() == b"1"
    missing = {"Bucket": BUCKET, "Key": "v", "VersionId": second["VersionId"]}
    assert await refused(s3.get_object, **missing) == "NoSuchVersion"


async def test_listing_by_pages_and_folders(s3):
    keys = [f"list/{folder}/{number:02}" for folder in "abc" for number in range(4)] + ["list/ü <&>"]
    for key in keys:
        await call(s3.put_object, Bucket=BUCKET, Key=key, Body=b"x")
    await call(s3.delete_object, Bucket=BUCKET, Key="list/a/00")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 3}
    )
    found = await to_thread.run_sync(lambda: [each["Key"] for page in pages for each in page["Contents"]])
    assert found == keys[1:]
    folders = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    pages = await to_thread.run_sync(lambda: list(folders))
    assert [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])] == [
        "list/a/", "list/b/", "list/c/",
    ]  # fmt: skip
    assert [each["Key"] for page in pages for each in page.get("Contents", [])] == ["list/ü <&>"]
    versions = s3.get_paginator("list_object_versions").paginate(
        Bucket=BUCKET, Prefix="list/a", PaginationConfig={"PageSize": 2}
    )
    pages = await to_thread.run_sync(lambda: list(versions))
    assert sum(len(page.get("Versions", [])) for page in pages) == 4


async def test_copies_and_conditions(s3):
    source = await call(s3.put_object, Bucket=BUCKET, Key="from", Body=b"copied", ContentType="text/x")
    await call(s3.copy_object, Bucket=BUCKET, Key="to", CopySource={"Bucket": BUCKET, "Key": "from"})
    got = await call(s3.get_object, Bucket=BUCKET, Key="to")
    assert (got["Body"].read(), got["ContentType"]) == (b"copied", "text/x")
    taken = {"Bucket": BUCKET, "Key": "to", "Body": b"x"}
    assert await refused(s3.put_object, **taken, IfNoneMatch="*") == "PreconditionFailed"
    assert await refused(s3.put_object, **taken, IfMatch='"other"') == "PreconditionFailed"
    await call(s3.put_object, **taken, IfMatch=source["ETag"])
    unchanged = {"Bucket": BUCKET, "Key": "from", "IfNoneMatch": source["ETag"]}
    assert await refused(s3.get_object, **unchanged) == "304"
    await call(s3.delete_objects, Bucket=BUCKET, Delete={"Objects": [{"Key": "from"}, {"Key": "to"}]})
    assert await refused(s3.get_object, Bucket=BUCKET, Key="to") == "NoSuchKey"


async def test_multipart_uploads(s3):
    parts = [os.urandom(5 * 1024 * 1024), b"end"]
    started = await call(s3.create_multipart_upload, Bucket=BUCKET, Key="multi", ContentType="text/plain")
    names = {"Bucket": BUCKET, "Key": "multi", "UploadId": started["UploadId"]}
    sent = [
        await call(s3.upload_part, **names, PartNumber=number, Body=part)
        for number, part in enumerate(parts, 1)
    ]
    described = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(sent, 1)]
    assert len((await call(s3.list_parts, **names))["Parts"]) == 2
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"0"'}]}
    assert await refused(s3.complete_multipart_upload, **names, MultipartUpload=wrong) == "InvalidPart"
    done = await call(s3.complete_multipart_upload, **names, MultipartUpload={"Parts": described})
    assert done["ETag"].endswith('-2"')
    got = await call(s3.get_object, Bucket=BUCKET, Key="multi")
    assert got["Body"].read() == b"".join(parts)
    assert got["ContentType"] == "text/plain"
    assert await refused(s3.abort_multipart_upload, **names) == "NoSuchUpload"


async def test_what_the_journal_lacks_is_said_or_done_by_moto(s3):
    await call(s3.put_object, Bucket=BUCKET, Key="tagged", Body=b"x")
    assert await refused(s3.get_object_tagging, Bucket=BUCKET, Key="tagged") == "NotImplemented"
    assert (await call(s3.get_bucket_versioning, Bucket=BUCKET))["Status"] == "Enabled"
    await call(s3.create_bucket, Bucket="another-bucket")
    await call(s3.put_object, Bucket="another-bucket", Key="k", Body=b"moto")
    assert (await call(s3.get_object, Bucket="another-bucket", Key="k"))["Body"].read() == b"moto"


# Presigned addresses.


def presigned(stack, function="echo", method="put_object", expires=60, **parameters):
    return client(stack, function=function).generate_presigned_url(
        method, Params={"Bucket": BUCKET, "Key": "up load.txt", **parameters}, ExpiresIn=expires
    )


@pytest.fixture
async def browser():
    async with httpx.AsyncClient() as browser:
        yield browser


async def test_a_presigned_upload(stack, browser):
    url = presigned(stack, ContentType="text/plain", ContentLength=5)
    response = await browser.put(url, content=b"hello", headers={"Content-Type": "text/plain"})
    assert response.status_code == 200
    assert response.headers["x-amz-version-id"]
    got = await browser.get(presigned(stack, method="get_object"))
    assert (got.text, got.headers["content-type"]) == ("hello", "text/plain")


PLAIN = {"Content-Type": "text/plain"}


@pytest.mark.parametrize(
    ("change", "headers", "content", "code"),
    [
        (lambda url: url[:-4] + "0000", PLAIN, b"hello", "SignatureDoesNotMatch"),
        (lambda url: url.replace("up%20load", "other"), PLAIN, b"hello", "SignatureDoesNotMatch"),
        (lambda url: url, {"Content-Type": "text/html"}, b"hello", "SignatureDoesNotMatch"),
        (lambda url: url, PLAIN, b"longer than said", "SignatureDoesNotMatch"),
        (lambda url: url, {"Content-Type": "text/plain", "x-amz-meta-a": "b"}, b"hello", "AccessDenied"),
        (lambda url: url.replace("Expires=60", "Expires=86400"), PLAIN, b"hello", "SignatureDoesNotMatch"),
        (lambda url: url.split("?", maxsplit=1)[0], PLAIN, b"hello", "AccessDenied"),
    ],
)  # fmt: skip
async def test_a_wrong_presigned_upload_is_refused(stack, browser, change, headers, content, code):
    url = presigned(stack, ContentType="text/plain", ContentLength=5)
    response = await browser.put(change(url), content=content, headers=headers)
    assert response.status_code == 403
    assert f"<Code>{code}</Code>" in response.text


async def test_an_expired_address_is_refused(stack, browser):
    earlier = datetime.now(UTC) - timedelta(seconds=90)
    with patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: earlier.replace(tzinfo=None)):
        url = presigned(stack)
    response = await browser.put(url, content=b"late")
    assert response.status_code == 403
    assert "<Message>Request has expired</Message>" in response.text


async def test_a_wrong_key_token_or_hash_is_refused(stack):
    anyone = {"Bucket": BUCKET, "Key": "k"}
    assert await refused(client(stack, secret="wrong").get_object, **anyone) == "SignatureDoesNotMatch"
    assert await refused(client(stack, token="wrong").get_object, **anyone) == "InvalidToken"
    s3 = client(stack)
    s3.meta.events.register("request-created.s3", _unknown_key)
    assert await refused(s3.get_object, **anyone) == "InvalidAccessKeyId"


def _unknown_key(request, **_):
    header = request.headers["Authorization"]
    text = header.decode() if isinstance(header, bytes) else header
    request.headers["Authorization"] = text.replace("ASIA", "AKIA", 1)


# Grants.


async def test_a_function_does_only_what_its_manifest_grants(stack):
    writer, reader, stranger = (client(stack, function=name) for name in ("echo", "ingest", "stream"))
    await call(writer.put_object, Bucket=BUCKET, Key="granted", Body=b"x")
    assert (await call(reader.get_object, Bucket=BUCKET, Key="granted"))["Body"].read() == b"x"
    assert await refused(reader.put_object, Bucket=BUCKET, Key="granted", Body=b"y") == "AccessDenied"
    assert await refused(writer.delete_object, Bucket=BUCKET, Key="granted") == "AccessDenied"
    assert await refused(stranger.get_object, Bucket=BUCKET, Key="granted") == "AccessDenied"
    assert await refused(stranger.list_objects_v2, Bucket=BUCKET) == "AccessDenied"
    assert await refused(writer.list_buckets) == "AccessDenied"
    sqs = client(stack, "sqs", "echo")
    assert await refused(sqs.list_queues) == "AccessDeniedException"
    secrets = client(stack, "secretsmanager", "echo")
    assert (await call(secrets.get_secret_value, SecretId="footnote/redis"))["SecretString"] == "hidden"
    other = {"SecretId": "footnote/postgres/footnote_app"}
    assert await refused(secrets.get_secret_value, **other) == "AccessDeniedException"


async def test_compressed_objects_come_back_compressed(s3, browser):
    body = gzip.compress(b"text")
    await call(s3.put_object, Bucket=BUCKET, Key="z", Body=body, ContentEncoding="gzip")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "z"})
    response = await browser.get(url)
    assert response.headers["content-encoding"] == "gzip"
    assert response.content == b"text"
