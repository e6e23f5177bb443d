"""The S3 adapter against S3 as the edge emulates it: signatures, grants, versions, sizes."""

import hashlib

import httpx
import pytest

from footnote.knowledge.ports import ObjectGone, ObjectTooLarge, StoredObject
from footnote.platform.clock import SystemClock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import StorageSettings
from footnote.stores.s3.objects import S3ObjectStore
from local.aws.credentials import OPERATOR
from local.stack import BUCKET, function_credentials
from tests.support.clock import ManualClock

KEY = "organizations/1/uploads/2/a b+ü%.txt"


@pytest.fixture
def signed_in(stack, monkeypatch):
    credentials = function_credentials(stack.config, OPERATOR)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", credentials.session_token)


@pytest.fixture
async def objects(stack, signed_in):
    store = S3ObjectStore(StorageSettings(bucket=BUCKET, endpoint_url=stack.config.edge_url), SystemClock())
    yield store
    await store.close()


async def put(ticket, content, **changed):
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.put(ticket.url, content=content, headers={**ticket.headers, **changed})


async def upload(objects, content, key=KEY):
    response = await put(objects.presign_put(key, "text/plain", len(content)), content)
    assert response.status_code == 200, response.text
    return StoredObject(BUCKET, key, response.headers.get("x-amz-version-id", ""))


async def test_a_ticket_lets_exactly_one_object_in(objects, tmp_path):
    item = await upload(objects, b"content")
    target = tmp_path / "object"
    digest = await objects.download(item, target, max_bytes=100)
    assert target.read_bytes() == b"content"
    assert digest == hashlib.sha256(b"content").hexdigest()


async def test_a_ticket_is_for_its_type_and_size(objects):
    ticket = objects.presign_put(KEY, "text/plain", 7)
    assert (await put(ticket, b"content", **{"content-type": "text/html"})).status_code == 403
    assert (await put(ticket, b"more content", **{"content-length": "12"})).status_code == 403
    other_key = httpx.URL(ticket.url).copy_with(path="/documents/other.txt")
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.put(other_key, content=b"content", headers=ticket.headers)
    assert response.status_code == 403


async def test_a_ticket_expires(stack, signed_in):
    clock = ManualClock()
    settings = StorageSettings(bucket=BUCKET, endpoint_url=stack.config.edge_url, upload_expires_s=60)
    ticket = S3ObjectStore(settings, clock).presign_put(KEY, "text/plain", None)
    assert (ticket.expires_at - clock.now()).total_seconds() == 60
    assert "X-Amz-Expires=60" in ticket.url


async def test_each_version_is_read_for_itself(objects, tmp_path):
    first = await upload(objects, b"first")
    second = await upload(objects, b"second")
    for item, content in ((first, b"first"), (second, b"second"), (StoredObject(BUCKET, KEY), b"second")):
        await objects.download(item, tmp_path / "object", 100)
        assert (tmp_path / "object").read_bytes() == content


async def test_what_is_removed_is_gone_and_removing_again_does_no_harm(objects, tmp_path):
    item = await upload(objects, b"content")
    for _ in range(2):
        await objects.delete(item)
    with pytest.raises(ObjectGone):
        await objects.download(item, tmp_path / "object", 100)
    await objects.delete(StoredObject(BUCKET, "never/was/there.txt"))


async def test_reading_stops_at_the_limit(objects, tmp_path):
    item = await upload(objects, b"x" * 1000)
    with pytest.raises(ObjectTooLarge):
        await objects.download(item, tmp_path / "object", max_bytes=999)


async def test_a_store_that_is_away_or_refuses_is_an_outage(objects, tmp_path, monkeypatch):
    item = await upload(objects, b"content")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ServiceUnavailable):
        await objects.download(item, tmp_path / "object", 100)
    with pytest.raises(ServiceUnavailable):
        await objects.delete(item)
    away = S3ObjectStore(StorageSettings(bucket=BUCKET, endpoint_url="http://127.0.0.1:1"), SystemClock())
    with pytest.raises(ServiceUnavailable):
        await away.download(item, tmp_path / "object", 100)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ServiceUnavailable):
        objects.presign_put(KEY, "text/plain", None)
    await away.close()


def test_on_aws_the_bucket_is_in_the_host(signed_in):
    store = S3ObjectStore(StorageSettings(bucket="our-documents", region="eu-central-1"), SystemClock())
    ticket = store.presign_put(KEY, "text/plain", None)
    assert ticket.url.startswith(
        "https://our-documents.s3.eu-central-1.amazonaws.com/organizations/1/uploads/2/a%20b%2B%C3%BC%25.txt?"
    )
