"""The journal's writer: one failed write harms no other, sequences only grow."""

import asyncio
import sqlite3

import pytest

from local.aws.journal import Journal
from local.aws.queues import QueueDefinition, QueueStore


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path)
    journal.open()
    yield journal
    journal.close()


def insert(name):
    return lambda connection: connection.execute("INSERT INTO schedules VALUES (?, 0)", (name,))


def fail_after(name):
    def work(connection):
        insert(name)(connection)
        raise ValueError(name)

    return work


async def test_a_failed_write_leaves_nothing_and_the_others_stay(journal):
    works = [insert("a"), fail_after("b"), insert("c"), insert("a"), insert("d")]
    results = await asyncio.gather(*map(journal.write, works), return_exceptions=True)
    assert isinstance(results[1], ValueError)
    assert isinstance(results[3], sqlite3.IntegrityError)
    rows = journal.read("SELECT name FROM schedules ORDER BY name")
    assert [row["name"] for row in rows] == ["a", "c", "d"]


def test_sequences_grow_although_the_clock_goes_back(journal, monkeypatch):
    first = journal.next_sequence()
    monkeypatch.setattr("time.time_ns", lambda: 5)
    assert [journal.next_sequence(), journal.next_sequence()] == [first + 1, first + 2]


async def test_what_is_written_while_closing_is_kept(tmp_path):
    journal = Journal(tmp_path)
    journal.open()
    writes = [asyncio.ensure_future(journal.write(insert(str(number)))) for number in range(50)]
    await asyncio.sleep(0)
    await asyncio.to_thread(journal.close)
    await asyncio.gather(*writes)
    journal.open()
    assert journal.read("SELECT count(*) FROM schedules")[0][0] == 50
    journal.close()


async def test_a_delivery_cut_short_by_a_stop_is_not_counted(journal):
    queues = QueueStore(journal, {"q": QueueDefinition("q", 60.0, 2, "d"), "d": QueueDefinition("d")})
    await queues.send("q", [("body", {})])
    [message] = await queues.receive("q", 10)
    assert await queues.receive("q", 10) == []
    await queues.recover()
    [again] = await queues.receive("q", 10)
    assert (again.message_id, again.received) == (message.message_id, 1)
    await queues.delete("q", [message.receipt])  # the old receipt counts no more
    assert queues.counts("q") == (0, 1)
    assert await queues.fail([again], lambda _: 0.0) == []
    [last] = await queues.receive("q", 10)
    assert [each.message_id for each in await queues.fail([last], lambda _: 0.0)] == [message.message_id]
    assert queues.counts("d") == (1, 0)
    assert await queues.redrive("d") == 1
    [revived] = await queues.receive("q", 10)
    assert revived.received == 1


async def test_no_cursor_leaves_the_writers_thread(journal):
    """One that ended in another thread made statements of later writes fail."""
    assert await journal.write(insert("a")) is None
    queues = QueueStore(journal, {"events": QueueDefinition("events")})

    async def pass_through():
        for _ in range(40):
            await queues.send("events", [("body", {})] * 10)
            messages = await queues.receive("events", 10)
            await queues.delete("events", [message.receipt for message in messages])

    await asyncio.gather(*(pass_through() for _ in range(8)))
    assert queues.counts("events") == (0, 0)
