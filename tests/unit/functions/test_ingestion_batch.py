"""A batch of queue messages: each fails for itself."""

import asyncio
import json

from functions.ingestion.batch import ingest_batch


def message(number, *keys):
    records = [
        {
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "b"}, "object": {"key": key, "sequencer": "1", "size": 1}},
        }
        for key in keys
    ]
    return {"messageId": f"m{number}", "body": json.dumps({"Records": records})}


class Ingestion:
    def __init__(self):
        self.seen = []

    async def ingest(self, event):
        if event.key == "bad":
            raise ZeroDivisionError
        if event.key == "endless":
            await asyncio.Event().wait()
        self.seen.append(event.key)


async def test_one_failure_touches_no_other_message():
    ingestion = Ingestion()
    batch = [message(1, "a"), message(2, "bad"), message(3, "b", "c")]
    assert await ingest_batch(batch, ingestion, time_s=5) == ["m2"]
    assert sorted(ingestion.seen) == ["a", "b", "c"]


async def test_a_message_that_is_not_s3s_comes_back_until_it_is_a_dead_letter():
    batch = [{"messageId": "m1", "body": "nonsense"}, message(2, "a")]
    assert await ingest_batch(batch, Ingestion(), time_s=5) == ["m1"]


async def test_what_is_not_done_in_time_is_given_back():
    batch = [message(1, "a"), message(2, "endless")]
    assert await ingest_batch(batch, Ingestion(), time_s=0.1) == ["m2"]


async def test_messages_are_read_at_the_same_time():
    barrier = asyncio.Barrier(3)

    class Together:
        async def ingest(self, event):
            await barrier.wait()

    batch = [message(number, "a") for number in range(3)]
    assert await ingest_batch(batch, Together(), time_s=5) == []
