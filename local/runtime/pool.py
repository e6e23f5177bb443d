"""The environments of one function: started on demand, reused, ended when idle.

A request takes the environment that was used last. Where none is free it waits for the first that becomes
so; another is started at once if the function has none, and otherwise only if the wait lasts, since a start
costs far more processor time than most invocations.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Protocol

from local.runtime.capacity import Capacity
from local.runtime.environment import InitializationFailed, trace_header
from local.runtime.invocation import (
    REQUEST_LIMIT_BYTES,
    InvocationResult,
    RequestTooLarge,
    RuntimeStopped,
    failure,
)

_PATIENCE_S = 0.1

logger = logging.getLogger("footnote.local.runtime")


class Environment(Protocol):
    """What the pool needs of an environment; see `ExecutionEnvironment`."""

    last_used: float

    @property
    def usable(self) -> bool: ...
    @property
    def pid(self) -> int | None: ...
    async def start(self) -> None: ...
    async def invoke(self, event: bytes, request_id: str, trace_id: str) -> InvocationResult: ...
    async def close(self) -> None: ...


Factory = Callable[[Callable[[Environment], None], Callable[[Environment], None]], Environment]


class FunctionPool:
    """All environments of one function.

    Args:
        name: The function.
        limit: The most environments at once.
        capacity: What all functions share.
        create: Makes an environment, given what to call when it is free and when it is gone.
    """

    def __init__(self, name: str, limit: int, capacity: Capacity, create: Factory) -> None:
        self.name = name
        self._limit = limit
        self._capacity = capacity
        self._create = create
        self._live: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: deque[asyncio.Future[Environment]] = deque()
        self._starting = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        capacity.register(self)

    @property
    def pids(self) -> list[int]:
        """Process ids of the environments that are up."""
        return [environment.pid for environment in self._live if environment.pid is not None]

    @property
    def idle_since(self) -> float | None:
        """When the environment that has been idle longest was last used."""
        return self._idle[0].last_used if self._idle else None

    async def invoke(self, event: bytes) -> InvocationResult:
        """Runs one invocation in a free environment, when there is one.

        Raises:
            RequestTooLarge: The event is over 6 MB.
            RuntimeStopped: The pool is closed.
        """
        if len(event) > REQUEST_LIMIT_BYTES:
            raise RequestTooLarge(f"{len(event)} bytes exceed the limit of {REQUEST_LIMIT_BYTES}")
        try:
            environment = await self._take()
        except InitializationFailed as failed:
            return failed.result
        return await environment.invoke(event, str(uuid.uuid4()), trace_header())

    def prewarm(self) -> None:
        """Starts an environment unless there is one."""
        if not self._live and not self._starting:
            self._spawn(keep=True)

    def evict(self) -> None:
        """Ends the environment that has been idle longest."""
        if self._idle:
            self._end(self._idle.pop(0))

    def evict_unused(self, idle_ttl_s: float, surplus_ttl_s: float) -> None:
        """Ends what has been idle for too long.

        Args:
            idle_ttl_s: How long the last environment may be idle.
            surplus_ttl_s: How long those may be that a burst of requests started beside it.
        """
        live = len(self._live)
        for environment in list(self._idle):
            ttl_s = surplus_ttl_s if live > 1 else idle_ttl_s
            if environment.last_used < time.monotonic() - ttl_s:
                self._idle.remove(environment)
                self._end(environment)
                live -= 1

    async def close(self) -> None:
        """Ends all environments; who waits gets `RuntimeStopped`."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(RuntimeStopped(self.name))
        self._waiting.clear()
        await asyncio.gather(*(environment.close() for environment in list(self._live)))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self) -> Environment:
        if self._closed:
            raise RuntimeStopped(self.name)
        while self._idle:
            environment = self._idle.pop()
            if environment.usable:
                return environment
        waiter: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._live:
            asyncio.get_running_loop().call_later(_PATIENCE_S, self._grow)
        else:
            self._grow()
        return await waiter

    def _grow(self) -> None:
        """Starts another environment if one is wanted and allowed."""
        if self._closed or len(self._waiting) <= self._starting:
            return
        if len(self._live) + self._starting < self._limit:
            self._spawn(keep=False)

    def _spawn(self, *, keep: bool) -> None:
        self._starting += 1
        task = asyncio.get_running_loop().create_task(self._start(keep=keep))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, *, keep: bool) -> None:
        """Starts one environment; gives up where nobody waits for it any more."""
        environment: Environment | None = None
        try:
            async with self._capacity.turn():
                if self._closed or not (keep or self._waiting):
                    return
                await self._capacity.take()
                environment = self._new()
                await environment.start()
        except InitializationFailed as failed:
            self._refuse(failed)
        except Exception as error:
            logger.exception("an environment of %s could not be started", self.name)
            self._refuse(InitializationFailed(failure("Runtime.StartError", type(error).__name__)))
            if environment is not None:
                self._gone(environment)
        else:
            self._ready(environment)
        finally:
            self._starting -= 1
            if not self._live:
                self._grow()  # nobody else will start one for those who still wait

    def _new(self) -> Environment:
        """An environment in the place that was taken for it."""
        try:
            environment = self._create(self._ready, self._gone)
        except BaseException:
            self._capacity.give_back()
            raise
        self._live.add(environment)
        return environment

    def _refuse(self, failed: InitializationFailed) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(failed)
                return

    def _ready(self, environment: Environment) -> None:
        """The environment asks for work: the request that waits longest gets it."""
        if self._closed or environment not in self._live or environment in self._idle:
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(environment)
                return
        self._idle.append(environment)
        self._capacity.offer(self)

    def _gone(self, environment: Environment) -> None:
        if environment in self._idle:
            self._idle.remove(environment)
        if environment in self._live:
            self._live.discard(environment)
            self._capacity.give_back()
        if self._waiting:
            self._grow()

    def _end(self, environment: Environment) -> None:
        task = asyncio.get_running_loop().create_task(environment.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
