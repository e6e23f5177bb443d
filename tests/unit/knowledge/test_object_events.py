"""S3's notifications."""

import json
from pathlib import Path

import pytest

from footnote.knowledge.object_events import object_events

EVENTS = Path(__file__).resolve().parents[3] / "events"


def record(name="ObjectCreated:Put", **described):
    described = {"key": "organizations/1/a+b%C3%BC%2B.txt", "sequencer": "0055AED6DCD90281E5", **described}
    return {"eventName": name, "s3": {"bucket": {"name": "documents"}, "object": described}}


def events(*records):
    return object_events(json.dumps({"Records": records}))


def test_a_creation():
    (event,) = events(record(size=5, eTag="e", versionId="v1"))
    assert event.created
    assert event.key == "organizations/1/a bü+.txt"
    assert (event.bucket, event.size, event.etag, event.version_id) == ("documents", 5, "e", "v1")
    assert event.sequencer == "0055AED6DCD90281E5"


@pytest.mark.parametrize("name", ["ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"])
def test_every_way_to_create(name):
    assert events(record(name))[0].created


def test_removals_with_and_without_marker():
    (marker, version) = events(
        record("ObjectRemoved:DeleteMarkerCreated", versionId="m"),
        record("ObjectRemoved:Delete", versionId="v"),
    )
    assert (marker.created, marker.delete_marker) == (False, True)
    assert (version.created, version.delete_marker) == (False, False)
    assert not events(record("LifecycleExpiration:Delete"))[0].created


@pytest.mark.parametrize("version", ["null", "", None])
def test_a_bucket_without_versions(version):
    assert events(record(versionId=version))[0].version_id is None


def test_what_says_nothing_about_the_content_is_left_out():
    assert events(record("ObjectTagging:Put"), record("ObjectRestore:Completed")) == []


def test_the_test_message_has_no_events():
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "documents"}
    assert object_events(json.dumps(body)) == []


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", "null", "{}", '{"Records": [{}]}', '{"Records": [{"eventName": 5}]}']
)
def test_anything_else_is_an_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 - also that of json
        object_events(body)


def test_the_samples_of_what_aws_sends():
    created = object_events((EVENTS / "s3_object_created.json").read_text())
    removed = object_events((EVENTS / "s3_object_removed.json").read_text())
    assert [event.created for event in (*created, *removed)] == [True, False]
    assert all(event.sequencer and event.bucket and event.key for event in (*created, *removed))
    batch = json.loads((EVENTS / "sqs_s3_events.json").read_text())
    assert all(object_events(record["body"]) for record in batch["Records"])
