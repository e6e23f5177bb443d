"""Short pieces of work that are done whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def uninterrupted(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Lets a short piece of work end even if its caller is cancelled meanwhile: whole or not at all.

    An error of the work goes before the cancellation.
    """
    task = asyncio.ensure_future(work)
    interruption = await ended(task)
    result = task.result()
    if interruption is not None:
        raise interruption
    return result


async def ended(task: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Waits for the end of a task, however often the waiter is cancelled: cancel scopes repeat it.

    Returns:
        The cancellation, which the caller has to raise; `None` if there was none.
    """
    interruption = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            interruption = error
    return interruption
