"""Who runs next: within a lane requests take turns, and lanes do not wait for each other.

A small request waits for one run of each other request in its lane, not for all of a large one. What may not
wait at all gets a lane, and so threads, of its own, while the threads of the others step back (a higher
niceness).
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class LaneFull(Exception):
    """More items wait than the lane holds."""


class _Request(Generic[Item, Result]):
    """One caller's items, handed out a slice at a time. Its fields are guarded by the lane's lock."""

    def __init__(self, items: Sequence[Item], future: asyncio.Future[list[Result]]) -> None:
        self.items = items
        self.future = future
        self.loop = future.get_loop()
        self.results: list[Result | None] = [None] * len(items)
        self.next = 0
        self.unfinished = len(items)

    def take(self, count: int) -> slice:
        start, self.next = self.next, min(self.next + count, len(self.items))
        return slice(start, self.next)

    @property
    def waiting(self) -> int:
        return len(self.items) - self.next

    def resolve(self, error: Exception | None = None) -> None:
        """Answers the caller from a worker thread."""
        self.loop.call_soon_threadsafe(self._resolve, error)

    def _resolve(self, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result([result for result in self.results if result is not None])


class Lane(Generic[Item, Result]):
    """Worker threads that serve requests in turns.

    Args:
        name: Name of the threads.
        run: Called with at most `batch_size` items; returns one result an item, in order.
        batch_size: Items of one run; those of different requests never share one.
        workers: Threads.
        niceness: How much nicer than the process its threads are (Linux, where it is a thread's own).
        capacity: Items that may wait.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[Sequence[Item]], list[Result]],
        *,
        batch_size: int,
        workers: int,
        niceness: int = 0,
        capacity: int,
    ) -> None:
        self._run = run
        self._batch_size = batch_size
        self._niceness = niceness
        self._capacity = capacity
        self._turns: deque[_Request[Item, Result]] = deque()
        self._waiting = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    async def map(self, items: Sequence[Item]) -> list[Result]:
        """The results of `items`, in order. Cancelling takes back what has not started.

        Raises:
            LaneFull: Too many items wait already.
            Exception: Whatever `run` raised first; the request's other items are dropped.
        """
        if not items:
            return []
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        request = _Request(items, future)
        with self._changed:
            if self._waiting + len(items) > self._capacity:
                raise LaneFull(f"{self._waiting} items are waiting")
            self._waiting += len(items)
            self._turns.append(request)
            self._changed.notify(len(items))
        try:
            return await future
        finally:
            with self._changed:
                self._drop(request)

    @property
    def waiting(self) -> int:
        """Items that no worker has taken yet."""
        return self._waiting

    def close(self) -> None:
        """Stops the workers after their current runs and waits for them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        if self._niceness and sys.platform == "linux":
            own = threading.get_native_id()
            # Never below what it is: a process that was started nice may not take that back.
            nicest = min(19, os.getpriority(os.PRIO_PROCESS, own) + self._niceness)
            os.setpriority(os.PRIO_PROCESS, own, nicest)
        while (taken := self._take()) is not None:
            request, part = taken
            try:
                results = self._run(request.items[part])
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiting caller's to see
                self._fail(request, error)
            else:
                self._finish(request, part, results)

    def _take(self) -> tuple[_Request[Item, Result], slice] | None:
        with self._changed:
            while not self._turns:
                if self._closed:
                    return None
                self._changed.wait()
            if self._closed:
                return None
            request = self._turns.popleft()
            before = request.waiting
            part = request.take(self._batch_size)
            self._waiting -= before - request.waiting
            if request.waiting:
                self._turns.append(request)
            return request, part

    def _finish(self, request: _Request[Item, Result], part: slice, results: list[Result]) -> None:
        with self._changed:
            request.results[part] = results
            request.unfinished -= len(results)
            done = request.unfinished == 0
        if done:
            request.resolve()

    def _fail(self, request: _Request[Item, Result], error: Exception) -> None:
        with self._changed:
            self._drop(request)
        request.resolve(error)

    def _drop(self, request: _Request[Item, Result]) -> None:
        """Forgets what is not yet taken; needs the lock."""
        if request in self._turns:
            self._turns.remove(request)
            self._waiting -= request.waiting
            request.next = len(request.items)
