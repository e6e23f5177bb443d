"""Object events reach functions through queues: exact, durable, retried, and dead-lettered at last."""

import asyncio
import json
import time

import pytest

from local.gateway import Gateway
from local.stack import BUCKET
from tests.integration.local.test_edge_objects import call, client
from tests.support.stack import (
    GATEWAY_FUNCTIONS,
    RunningStack,
    RuntimeLayers,
    fixture_manifests,
    running_gateway,
    stack_config,
)


@pytest.fixture
def seen(open_directory):
    """What the function wrote down, once `count` lines are there."""

    async def wait(count, timeout_s=8):
        file = open_directory / "seen"
        deadline = time.monotonic() + timeout_s
        while True:
            lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
            if len(lines) >= count:
                return lines
            assert time.monotonic() < deadline, f"{len(lines)} of {count}"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def quick(stack):
    """The stack with short pauses between deliveries."""
    for delivery in stack.gateway._cloud._deliveries:
        delivery._retry_delays_s = (0.1,)
    return stack


async def until(condition, timeout_s=8):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def put(stack, key, body=b"x"):
    return await call(client(stack).put_object, Bucket=BUCKET, Key=key, Body=body)


async def test_an_upload_becomes_the_event_that_s3_sends(stack, seen, events):
    answer = await put(stack, "organizations/a b/ü+(1).txt", b"four")
    [line] = await seen(1)
    record, sample = line["record"], events("sqs_s3_events")["Records"][0]
    assert record.keys() == sample.keys()
    assert record["attributes"].keys() == sample["attributes"].keys()
    body, sample_body = json.loads(record["body"]), json.loads(sample["body"])
    [event], [sample_event] = body["Records"], sample_body["Records"]
    assert event.keys() == sample_event.keys()
    assert event["s3"].keys() == sample_event["s3"].keys()
    assert event["s3"]["bucket"].keys() == sample_event["s3"]["bucket"].keys()
    assert event["s3"]["object"].keys() == sample_event["s3"]["object"].keys()
    assert event["eventName"] == "ObjectCreated:Put"
    described = event["s3"]["object"]
    assert described["key"] == "organizations/a+b/%C3%BC%2B%281%29.txt"
    assert described["size"] == 4
    assert f'"{described["eTag"]}"' == answer["ETag"]
    assert described["versionId"] == answer["VersionId"]


async def test_every_kind_of_write_has_one_event_in_order(stack, seen):
    s3 = client(stack)
    await put(stack, "one")
    await call(s3.copy_object, Bucket=BUCKET, Key="two", CopySource={"Bucket": BUCKET, "Key": "one"})
    upload = await call(s3.create_multipart_upload, Bucket=BUCKET, Key="three")
    names = {"Bucket": BUCKET, "Key": "three", "UploadId": upload["UploadId"]}
    part = await call(s3.upload_part, **names, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await call(s3.complete_multipart_upload, **names, MultipartUpload=parts)
    marker = await call(s3.delete_object, Bucket=BUCKET, Key="one")
    await call(s3.delete_object, Bucket=BUCKET, Key="one", VersionId=marker["VersionId"])
    lines = await seen(5)
    records = [json.loads(line["record"]["body"])["Records"][0] for line in lines]
    records.sort(key=lambda record: record["s3"]["object"]["sequencer"])
    assert [(record["eventName"], record["s3"]["object"]["key"]) for record in records] == [
        ("ObjectCreated:Put", "one"),
        ("ObjectCreated:Copy", "two"),
        ("ObjectCreated:CompleteMultipartUpload", "three"),
        ("ObjectRemoved:DeleteMarkerCreated", "one"),
        ("ObjectRemoved:Delete", "one"),
    ]
    assert len({record["s3"]["object"]["sequencer"] for record in records}) == 5
    await asyncio.sleep(0.3)
    assert len(await seen(5)) == 5


async def test_many_uploads_come_in_batches(stack, seen):
    await put(stack, "first")
    await seen(1)
    await asyncio.gather(*(put(stack, f"many/{number}") for number in range(30)))
    lines = await seen(31)
    assert len({line["key"] for line in lines}) == 31
    assert max(line["batch"] for line in lines) == 5
    assert stack.gateway.status()["queues"]["ingest"]["waiting"] == 0


async def test_only_what_failed_comes_back_and_ends_as_a_dead_letter(quick, seen):
    await asyncio.gather(put(quick, "good"), put(quick, "poison"))
    await until(lambda: quick.gateway.status()["queues"]["ingest-dead-letters"]["waiting"] == 1)
    lines = await seen(3)
    assert sorted(line["key"] for line in lines) == ["good", "poison", "poison"]
    received = [
        line["record"]["attributes"]["ApproximateReceiveCount"] for line in lines if line["key"] == "poison"
    ]
    assert received == ["1", "2"]
    [letter] = await quick.gateway.dead_letters()
    assert letter["queue"] == "ingest"
    assert "poison" in letter["body"]
    assert await quick.gateway.redrive("ingest") == 1
    assert len(await seen(4)) >= 4
    with pytest.raises(ValueError, match="ingest"):
        await quick.gateway.redrive("nonsense")


@pytest.mark.parametrize("key", ["explode", "odd"])
async def test_a_failed_function_fails_the_whole_batch(quick, seen, key):
    await put(quick, key)
    lines = await seen(2)
    assert [line["record"]["messageId"] for line in lines[:2]] == [lines[0]["record"]["messageId"]] * 2
    await until(lambda: quick.gateway.status()["queues"]["ingest-dead-letters"]["waiting"] == 1)


async def test_what_was_accepted_is_delivered_after_a_restart(data_root, open_directory, moto, seen):
    config = stack_config(data_root, moto_port=moto.port)
    manifests = [each for each in fixture_manifests().values() if each.name in GATEWAY_FUNCTIONS]
    async with running_gateway(config, manifests) as stack:
        for delivery in stack.gateway._cloud._deliveries:
            await delivery.stop()
        await put(stack, "kept", b"body")
    async with running_gateway(config, manifests) as stack:
        assert (await seen(1))[0]["key"] == "kept"
        got = await call(client(stack).get_object, Bucket=BUCKET, Key="kept")
        assert got["Body"].read() == b"body"


async def test_moto_gets_back_what_it_forgot(stack, moto):
    moto.process.stop()
    moto.start()
    await asyncio.to_thread(moto.process.wait_until, moto.ready, 60)
    await stack.gateway.engine_restarted(moto.name)
    secrets = client(stack, "secretsmanager")
    assert (await call(secrets.get_secret_value, SecretId="footnote/redis"))["SecretString"] == "hidden"
    assert (await call(client(stack).get_bucket_versioning, Bucket=BUCKET))["Status"] == "Enabled"


async def test_the_queue_speaks_sqs(quick):
    sqs = client(quick, "sqs")
    listed = (await call(sqs.list_queues, QueueNamePrefix="ingest"))["QueueUrls"]
    url = (await call(sqs.get_queue_url, QueueName="ingest-dead-letters"))["QueueUrl"]
    assert listed == [url.removesuffix("-dead-letters"), url]
    waiting = asyncio.create_task(call(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=5))
    await asyncio.sleep(0.2)
    text = {"DataType": "String", "StringValue": "v"}
    sent = await call(sqs.send_message, QueueUrl=url, MessageBody="one", MessageAttributes={"name": text})
    [message] = (await waiting)["Messages"]
    assert (message["Body"], message["MessageId"]) == ("one", sent["MessageId"])
    assert message["MessageAttributes"] == {"name": text}
    attributes = (await call(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
    handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    await call(sqs.change_message_visibility, **handle, VisibilityTimeout=0)
    [again] = (await call(sqs.receive_message, QueueUrl=url))["Messages"]
    assert again["MessageId"] == message["MessageId"]
    await call(sqs.delete_message, QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert "Messages" not in await call(sqs.receive_message, QueueUrl=url)
    source = (await call(sqs.get_queue_url, QueueName="ingest"))["QueueUrl"]
    policy = (await call(sqs.get_queue_attributes, QueueUrl=source))["Attributes"]["RedrivePolicy"]
    assert json.loads(policy)["maxReceiveCount"] == 2


async def test_a_schedule_that_was_due_while_the_stack_was_down_runs_soon(stack, open_directory, events):
    [schedule] = stack.gateway._cloud._schedules
    await schedule.stop()
    assert schedule.next_run() > time.time() + 50
    await schedule._remember(time.time() - 120)
    schedule.start()
    ticks = open_directory / "ticks"
    await until(ticks.exists)
    await asyncio.sleep(0.1)
    event = json.loads(ticks.read_text().splitlines()[0])
    assert event.keys() == events("scheduled").keys()
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/footnote-tick"]
    assert schedule.next_run() > time.time() + 50


async def test_a_stop_amid_a_batch_is_no_failure_of_the_function(data_root, open_directory, moto, seen):
    config = stack_config(data_root, moto_port=moto.port)
    manifests = [each for each in fixture_manifests().values() if each.name in GATEWAY_FUNCTIONS]
    gateway = Gateway(config, manifests, RuntimeLayers())
    await gateway.start()
    await put(RunningStack(config, gateway), "slow")
    await seen(1)
    await gateway.stop()
    async with running_gateway(config, manifests):
        lines = await seen(2)
    assert lines[0]["record"]["messageId"] == lines[1]["record"]["messageId"]
    assert lines[1]["record"]["attributes"]["ApproximateReceiveCount"] == "1"
