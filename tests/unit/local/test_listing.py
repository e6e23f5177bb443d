"""Listings agree with a simple model, whatever the keys, prefixes, delimiters and page sizes."""

import asyncio
from types import SimpleNamespace

import pytest
from defusedxml import ElementTree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.aws.journal import Journal
from local.aws.objects import ObjectStore
from local.aws.payload import Received
from local.aws.s3_listing import Listing

KEYS = st.lists(st.text("ab/ü", min_size=1, max_size=5), max_size=12)


class Silent:
    """Nobody is told of writes."""

    def record(self, connection, event, version):
        pass

    def committed(self):
        pass


@pytest.fixture
def store(tmp_path):
    journal = Journal(tmp_path)
    journal.open()
    yield ObjectStore(journal, Silent())
    journal.close()


def model(keys, prefix, delimiter):
    found = set()
    for key in keys:
        if key.startswith(prefix):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            found.add((key[: cut + 1], "folder") if cut >= 0 else (key, "key"))
    return sorted(found, key=lambda entry: entry[0].encode())


def pages(listing, bucket, query, size):
    token = {}
    while True:
        request = SimpleNamespace(
            query={**query, **token, "list-type": "2", "max-keys": str(size)}, bucket=bucket
        )
        root = ElementTree.fromstring(listing.serve(request).body)
        page = [(each.findtext("{*}Key"), "key") for each in root.iterfind("{*}Contents")]
        page += [(each.findtext("{*}Prefix"), "folder") for each in root.iterfind("{*}CommonPrefixes")]
        assert len(page) <= size
        yield from page
        if root.findtext("{*}IsTruncated") == "false":
            return
        token = {"continuation-token": root.findtext("{*}NextContinuationToken")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    keys=KEYS,
    removed=KEYS,
    prefix=st.sampled_from(["", "a", "a/", "ü"]),
    folders=st.booleans(),
    size=st.integers(1, 4),
)
def test_pages_add_up_to_what_is_there(store, keys, removed, prefix, folders, size):
    bucket = f"bucket{id(keys)}-{len(keys)}"

    async def fill():
        for key in keys:
            file = store._journal.incoming_file()
            file.write_bytes(b"")
            await store.put(bucket, key, Received(file, 0, "e", None), {})
        for key in removed:
            await store.delete(bucket, key)

    for version, _ in store.versions_from(bucket, "", ("", 0), 1000):
        asyncio.run(store.delete_version(bucket, version.key, version.version_id))
    asyncio.run(fill())
    delimiter = "/" if folders else ""
    query = {"prefix": prefix, **({"delimiter": delimiter} if folders else {})}
    listed = list(pages(Listing(store), bucket, query, size))
    expected = model(set(keys) - set(removed), prefix, delimiter)
    assert sorted(listed, key=lambda entry: entry[0].encode()) == expected
    assert len(listed) == len(set(listed))
