"""The order of service: turns within a lane, limits, failures, cancelling."""

import asyncio
import os
import sys
import threading
import time

import pytest

from footnote.platform.serving.lanes import Lane, LaneFull


@pytest.fixture
def lane_of():
    lanes = []

    def make(run, *, batch_size=1, workers=1, capacity=1000, niceness=0):
        lanes.append(
            Lane("test", run, batch_size=batch_size, workers=workers, capacity=capacity, niceness=niceness)
        )
        return lanes[-1]

    yield make
    for lane in lanes:
        lane.close()


class Gate:
    """A run that waits for permission and remembers what it was given."""

    def __init__(self):
        self.open = threading.Semaphore(0)
        self.runs = []

    def __call__(self, items):
        self.open.acquire(timeout=10)
        self.runs.append(list(items))
        return [item * 2 for item in items]


def doubled(items):
    return [item * 2 for item in items]


async def settled(lane, waiting):
    """Until the workers have taken all but `waiting` items."""
    async with asyncio.timeout(5):
        while lane.waiting != waiting:
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (1, 4), (3, 2), (100, 3)])
async def test_results_are_in_order(lane_of, batch_size, workers):
    lane = lane_of(doubled, batch_size=batch_size, workers=workers)
    answers = await asyncio.gather(*(lane.map(list(range(size))) for size in (0, 1, 7, 50)))
    assert answers == [[2 * number for number in range(size)] for size in (0, 1, 7, 50)]
    assert lane.waiting == 0


async def test_requests_take_turns(lane_of):
    gate = Gate()
    lane = lane_of(gate, batch_size=2)
    large = asyncio.ensure_future(lane.map(list(range(10))))
    await settled(lane, 8)
    small = asyncio.ensure_future(lane.map([100, 101, 102]))
    await settled(lane, 11)
    gate.open.release(100)
    assert await small == [200, 202, 204]
    await large
    assert gate.runs == [[0, 1], [2, 3], [100, 101], [4, 5], [102], [6, 7], [8, 9]]


async def test_items_of_two_requests_never_share_a_run(lane_of):
    gate = Gate()
    lane = lane_of(gate, batch_size=8)
    tasks = [asyncio.ensure_future(lane.map([number] * 3)) for number in range(5)]
    gate.open.release(100)
    await asyncio.gather(*tasks)
    assert sorted(gate.runs) == [[number] * 3 for number in range(5)]


async def test_workers_run_at_the_same_time(lane_of):
    both = threading.Barrier(2, timeout=5)

    def meet(items):
        both.wait()
        return items

    assert await lane_of(meet, workers=2).map([1, 2, 3, 4]) == [1, 2, 3, 4]


async def test_a_full_lane_turns_requests_away_whole(lane_of):
    gate = Gate()
    lane = lane_of(gate, capacity=4)
    running = asyncio.ensure_future(lane.map([1, 2, 3]))
    await settled(lane, 2)
    with pytest.raises(LaneFull):
        await lane.map([4, 5, 6])
    fits = asyncio.ensure_future(lane.map([7, 8]))
    gate.open.release(100)
    assert (await running, await fits) == ([2, 4, 6], [14, 16])


async def test_a_failure_reaches_its_caller_only(lane_of):
    def run(items):
        if items[0] == 13:
            raise ZeroDivisionError("13")
        return doubled(items)

    lane = lane_of(run, workers=2)
    good, bad = await asyncio.gather(
        lane.map(list(range(10))), lane.map([1, 13, *range(500)]), return_exceptions=True
    )
    assert good == [2 * number for number in range(10)]
    assert isinstance(bad, ZeroDivisionError)
    assert await lane.map([1]) == [2]
    assert lane.waiting == 0


async def test_cancelling_takes_back_what_has_not_started(lane_of):
    gate = Gate()
    lane = lane_of(gate)
    task = asyncio.ensure_future(lane.map(list(range(50))))
    await settled(lane, 49)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lane.waiting == 0
    gate.open.release(100)
    assert await lane.map([7]) == [14]
    assert gate.runs == [[0], [7]]


async def test_many_requests_from_many_tasks(lane_of):
    lane = lane_of(doubled, workers=4, batch_size=3)

    async def client(number):
        for size in range(1, 12):
            items = [number * 1000 + item for item in range(size)]
            assert await lane.map(items) == [2 * item for item in items]

    await asyncio.gather(*(client(number) for number in range(30)))
    assert lane.waiting == 0


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is a thread's own on Linux only")
async def test_passages_step_back_and_the_process_does_not(lane_of):
    def niceness(items):
        return [os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) for _ in items]

    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert await lane_of(niceness, niceness=5).map([1]) == [before + 5]
    assert await lane_of(niceness).map([1]) == [before]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before

    def begun_nicely():
        """Threads inherit it; only root may take it back."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), before + 10)
        return lane_of(niceness, niceness=5), lane_of(niceness, niceness=19)

    nice, nicest = await asyncio.to_thread(begun_nicely)
    assert await nice.map([1]) == [min(19, before + 15)]
    assert await nicest.map([1]) == [19]


def test_closing_waits_for_the_current_run():
    finished = []

    def slow(items):
        time.sleep(0.2)
        finished.append(items)
        return items

    async def main():
        lane = Lane("test", slow, batch_size=1, workers=1, capacity=10)
        task = asyncio.ensure_future(lane.map([1, 2, 3]))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(lane.close)
        task.cancel()

    asyncio.run(main())
    assert len(finished) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-")]
