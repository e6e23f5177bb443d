"""A batch of events: each fails for itself; and what the function's manifest must agree with."""

import asyncio

from footnote.platform.manifest import load_manifests
from footnote.platform.settings import EventSettings
from functions.notifier.batch import dispatch_batch
from local.paths import REPOSITORY


def message(number, body="ok", deliveries="1"):
    return {"messageId": f"m{number}", "body": body, "attributes": {"ApproximateReceiveCount": deliveries}}


class Dispatcher:
    def __init__(self):
        self.seen = []

    async def dispatch(self, body, deliveries):
        if body == "bad":
            raise ZeroDivisionError
        if body == "endless":
            await asyncio.Event().wait()
        self.seen.append((body, deliveries))


async def test_one_failure_touches_no_other_message():
    dispatcher = Dispatcher()
    batch = [message(1), message(2, "bad"), message(3, deliveries="8")]
    assert await dispatch_batch(batch, dispatcher, time_s=5) == ["m2"]
    assert sorted(dispatcher.seen) == [("ok", 1), ("ok", 8)]


async def test_what_is_not_done_in_time_is_given_back():
    assert await dispatch_batch([message(1), message(2, "endless")], Dispatcher(), time_s=0.1) == ["m2"]


def test_the_queue_gives_up_when_the_settings_say_so():
    manifests = {manifest.name: manifest for manifest in load_manifests(REPOSITORY / "functions")}
    queue, settings = manifests["notifier"].queue, EventSettings()
    assert (queue.name, queue.max_receive_count) == (settings.queue, settings.max_deliveries)
    assert manifests["metering"].grants.queues == (settings.queue,)
    assert settings.webhook_secret in manifests["notifier"].grants.secrets
