"""Keeps the engines and the gateway running, and stops them in order.

Engines start side by side, then the gateway opens in this process. An engine that dies is started again,
with growing pauses; the gateway is told, so that it can put back what the engine held in memory only.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from local.engines import Engine, EngineError
from local.progress import Event, Reporter, step

_WATCH_S = 0.25
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_STABLE_AFTER_S = 60.0

logger = logging.getLogger("footnote.local.supervisor")


class Gateway(Protocol):
    """What the supervisor knows of the gateway."""

    async def start(self) -> None:
        """Opens the API; all engines are ready."""

    async def drain(self) -> None:
        """Takes no new work and lets what runs end, within a bound of its own."""

    async def stop(self) -> None:
        """Ends all function environments and closes the API."""

    async def engine_restarted(self, name: str) -> None:
        """An engine died and is ready again."""


class Supervisor:
    """Runs one stack until it is told to stop.

    Args:
        engines: In the order in which they are stopped last (the first one is stopped last).
        gateway: Opened once all engines are ready.
        report: Told of every step.
        after_ready: By engine name: blocking work to do once the engine serves for the first time.
    """

    def __init__(
        self,
        engines: Sequence[Engine],
        gateway: Gateway,
        report: Reporter,
        after_ready: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        self._engines = engines
        self._gateway = gateway
        self._report = report
        self._after_ready = after_ready or {}
        self._stopping = asyncio.Event()
        self.restarts: dict[str, int] = {engine.name: 0 for engine in engines}

    def request_stop(self) -> None:
        """Ends `run()` in an orderly way; the second call ends everything at once."""
        if self._stopping.is_set():
            self.kill()
        self._stopping.set()

    def kill(self) -> None:
        """Ends every engine and this process without ceremony."""
        for engine in self._engines:
            if engine.process.pid is not None:
                os.killpg(engine.process.pid, signal.SIGKILL)
        os._exit(128 + signal.SIGINT)

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Starts everything, watches over it, and stops it when asked to.

        Args:
            on_ready: Called once everything serves.

        Raises:
            EngineError: An engine did not start; everything else is stopped again.
        """
        try:
            if await self._unless_stopped(self._start()):
                on_ready()
                async with asyncio.TaskGroup() as group:
                    watchers = [group.create_task(self._watch(engine)) for engine in self._engines]
                    await self._stopping.wait()
                    for watcher in watchers:
                        watcher.cancel()
        finally:
            self._stopping.set()
            await self._stop()

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> bool:
        """Does the work; gives up on it and returns False when a stop is requested meanwhile."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
                return True
            return False
        finally:
            task.cancel()
            stop.cancel()

    async def _start(self) -> None:
        with _single_error():
            async with asyncio.TaskGroup() as group:
                for engine in self._engines:
                    group.create_task(self._first_start(engine))
        with step(self._report, "gateway"):
            await self._gateway.start()

    async def _first_start(self, engine: Engine) -> None:
        with step(self._report, engine.title):
            await self._start_engine(engine)
        action = self._after_ready.get(engine.name)
        if action is not None:
            await asyncio.to_thread(action)

    @staticmethod
    async def _start_engine(engine: Engine) -> None:
        await asyncio.to_thread(engine.prepare)
        engine.start()
        await asyncio.to_thread(engine.process.wait_until, engine.ready, engine.start_timeout_s)

    async def _watch(self, engine: Engine) -> None:
        pause = _FIRST_PAUSE_S
        started = time.monotonic()
        while True:
            await asyncio.sleep(_WATCH_S)
            if engine.process.running:
                continue
            if time.monotonic() - started > _STABLE_AFTER_S:
                pause = _FIRST_PAUSE_S
            logger.warning("%s died, starting it again in %.1f s", engine.name, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            await self._restart(engine)
            started = time.monotonic()

    async def _restart(self, engine: Engine) -> None:
        try:
            await self._start_engine(engine)
        except EngineError:
            logger.exception("%s did not start", engine.name)
            await asyncio.to_thread(engine.stop)
            return
        self.restarts[engine.name] += 1
        logger.warning("%s serves again", engine.name)
        try:
            await self._gateway.engine_restarted(engine.name)
        except Exception:
            logger.exception("the gateway could not take up %s again", engine.name)

    async def _stop(self) -> None:
        self._report(Event(step="stack", state="note", text="stopping"))
        for work in (self._gateway.drain, self._gateway.stop):
            try:
                await work()
            except Exception:  # whatever fails there, the engines still have to be stopped
                logger.exception("the gateway did not stop cleanly")
        for engine in reversed(self._engines):
            await asyncio.to_thread(engine.stop)


@contextmanager
def _single_error() -> Iterator[None]:
    """Raises the first error of a group of tasks: the others follow from it."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
