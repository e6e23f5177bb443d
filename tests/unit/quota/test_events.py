"""Events, and who is given them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from footnote.platform.clock import SystemClock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import Event, EventMismatch
from footnote.quota.events import MARKERS_KEPT, Dispatcher, EventTooOld, MalformedEvent

EVENT = Event(new_id(), "usage:1:1", "usage.recorded", {"b": 1, "a": ["ä", None]}, datetime.now(UTC))


class Recorder:
    def __init__(self, name, topics=("usage.recorded",), error=None):
        self.name = name
        self._topics = topics
        self._error = error
        self.seen = []

    def wants(self, topic):
        return topic in self._topics

    async def consume(self, delivery):
        self.seen.append(delivery)
        if self._error is not None:
            raise self._error


def test_an_event_is_the_same_after_its_journey():
    assert Event.of_message(EVENT.to_message()) == EVENT


@pytest.mark.parametrize("text", ["\uffff", "\ufffe", "\x01", "\x7f", "\u2028", "ä", "\U0001f600"])
def test_no_text_is_refused_by_a_queue(text):
    event = replace(EVENT, payload={"reason": text})
    message = event.to_message()
    assert message.isascii()
    assert message.isprintable()
    assert Event.of_message(message) == event
    assert Event.of_message(message).digest == event.digest


def test_the_digest_is_of_the_content_alone():
    later = replace(EVENT, created_at=EVENT.created_at + timedelta(days=1))
    reordered = replace(EVENT, payload={"a": ["ä", None], "b": 1})
    assert EVENT.digest == later.digest == reordered.digest
    assert EVENT.digest != replace(EVENT, payload={"b": 2, "a": ["ä", None]}).digest
    assert EVENT.digest != replace(EVENT, topic="usage.other").digest
    assert EVENT.digest != replace(EVENT, payload={"b": 1, "a": [None, "ä"]}).digest


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"organization_id": "x"}',
        EVENT.to_message().replace(EVENT.created_at.isoformat(), "yesterday"),
        json.dumps({**json.loads(EVENT.to_message()), "payload": "text"}),
        json.dumps({**json.loads(EVENT.to_message()), "created_at": None}),
    ],
)
async def test_what_is_no_event_is_refused(body):
    with pytest.raises(MalformedEvent):
        Event.of_message(body)
    with pytest.raises(MalformedEvent):
        await Dispatcher([], 8, SystemClock()).dispatch(body, 1)


async def test_consumers_get_what_they_want():
    one, other = Recorder("one"), Recorder("other", ("quota.warning",))
    await Dispatcher([one, other], 8, SystemClock()).dispatch(EVENT.to_message(), 1)
    assert [delivery.event for delivery in one.seen] == [EVENT]
    assert other.seen == []


@pytest.mark.parametrize("error", [ServiceUnavailable("down"), ZeroDivisionError(), EventMismatch("other")])
async def test_one_failure_keeps_no_other_consumer_from_its_part(error, capsys):
    first, second = Recorder("first", error=error), Recorder("second")
    with pytest.raises(ServiceUnavailable if isinstance(error, ZeroDivisionError) else type(error)):
        await Dispatcher([first, second], 8, SystemClock()).dispatch(EVENT.to_message(), 1)
    assert len(second.seen) == 1
    assert ("event_mismatch" in capsys.readouterr().out) == isinstance(error, EventMismatch)


async def test_the_last_delivery_is_said_to_be_the_last():
    one = Recorder("one")
    for deliveries in (1, 7, 8, 9):
        await Dispatcher([one], 8, SystemClock()).dispatch(EVENT.to_message(), deliveries)
    assert [delivery.is_last for delivery in one.seen] == [False, False, True, True]


async def test_nobody_is_given_an_event_whose_marker_may_be_forgotten(capsys):
    one = Recorder("one")
    dispatcher = Dispatcher([one], 8, SystemClock())
    now = datetime.now(UTC)
    await dispatcher.dispatch(replace(EVENT, created_at=now - timedelta(days=33)).to_message(), 1)
    assert len(one.seen) == 1
    with pytest.raises(EventTooOld, match="usage:1:1"):
        await dispatcher.dispatch(replace(EVENT, created_at=now - MARKERS_KEPT).to_message(), 1)
    assert len(one.seen) == 1
    assert "event_too_old" in capsys.readouterr().out


def test_names_are_unique():
    with pytest.raises(ValueError, match="same name"):
        Dispatcher([Recorder("one"), Recorder("one")], 8, SystemClock())
