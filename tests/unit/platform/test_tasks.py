"""Short work that must end once it has begun, whoever cancels whom."""

import asyncio
from contextlib import suppress

import anyio
import pytest

from footnote.platform.tasks import uninterrupted


class Work:
    """Takes three turns of the loop, or fails after them."""

    def __init__(self, error=None):
        self.is_done = False
        self._error = error

    async def __call__(self):
        for _ in range(3):
            await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.is_done = True
        return "done"


async def test_the_result_is_the_works():
    assert await uninterrupted(Work()()) == "done"


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_work_ends_however_often_its_caller_is_cancelled(times):
    work = Work()
    task = asyncio.create_task(uninterrupted(work()))
    await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.is_done


async def test_work_ends_within_a_cancelled_scope():
    """As of a response whose client has left: the scope cancels at every await."""
    work = Work()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await uninterrupted(work())
    assert scope.cancelled_caught
    assert work.is_done


async def test_an_error_goes_before_the_cancellation():
    task = asyncio.create_task(uninterrupted(Work(ValueError("broken"))()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(ValueError, match="broken"):
        await task


async def test_work_that_is_cancelled_itself_ends_its_caller():
    async def cancelled():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(uninterrupted(cancelled()), 5)


async def test_nothing_is_left_running():
    before = asyncio.all_tasks()
    task = asyncio.create_task(uninterrupted(Work()()))
    await asyncio.sleep(0)
    task.cancel()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before
