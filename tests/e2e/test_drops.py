"""Files dropped into S3 with AWS's own client, as the environment of `footnote env` lets it."""

import json
import shlex
import time

import boto3
import pytest

from local.client import ApiClient

LINE = "The {animal} enclosure is cleaned at {hour} o'clock every morning."


@pytest.fixture(scope="module")
def variables(stack):
    lines = stack.footnote("env").stdout.splitlines()
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def s3(variables):
    return boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=variables["AWS_SESSION_TOKEN"],
    )


@pytest.fixture(scope="module")
def demo(stack):
    account = json.loads((stack.data_dir / "account.json").read_text())
    with ApiClient(stack.url) as client:
        client.login(account["email"], account["password"])
        yield client


def _until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.2)
    return found


def _answers(client, animal, hour):
    results = client.search(f"When is the {animal} enclosure cleaned?")["results"]
    return any(LINE.format(animal=animal, hour=hour) in result["text"] for result in results)


def test_a_drop_a_change_and_a_removal(variables, s3, demo):
    bucket, prefix = variables["FOOTNOTE_DROP"].removeprefix("s3://").split("/", 1)
    key = f"{prefix}zoo/plan of the day+1.txt"
    s3.put_object(Bucket=bucket, Key=key, Body=LINE.format(animal="tapir", hour="seven").encode())
    _until(lambda: _answers(demo, "tapir", "seven"))
    listed = [one for one in demo.documents()["documents"] if one["filename"] == "plan of the day+1.txt"]
    assert [one["source"] for one in listed] == ["s3"]
    s3.put_object(Bucket=bucket, Key=key, Body=LINE.format(animal="tapir", hour="nine").encode())
    _until(lambda: _answers(demo, "tapir", "nine"))
    assert not _answers(demo, "tapir", "seven")
    s3.delete_object(Bucket=bucket, Key=key)
    _until(lambda: not _answers(demo, "tapir", "nine"))


def test_an_object_under_nobodys_prefix_reaches_nobody(variables, s3, demo):
    bucket = variables["FOOTNOTE_DROP"].removeprefix("s3://").split("/", 1)[0]
    s3.put_object(Bucket=bucket, Key="stray/okapi.txt", Body=LINE.format(animal="okapi", hour="six").encode())
    known = demo.upload(LINE.format(animal="lemur", hour="five").encode(), "lemur.txt")
    demo.wait([known])
    assert not _answers(demo, "okapi", "six")
