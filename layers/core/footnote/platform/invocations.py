"""What handlers of functions without an HTTP application share: their loop, and how much time they have."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Runs work to its end, on the loop that all invocations of the environment share."""
    return _loop().run_until_complete(work)


def seconds_left(context: Any, reserve_s: float) -> float:
    """Seconds that an invocation may still work; negative where there are none.

    Args:
        context: Lambda's.
        reserve_s: What must be left of the time limit when the work ends.
    """
    return float(context.get_remaining_time_in_millis()) / 1000 - reserve_s


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()
