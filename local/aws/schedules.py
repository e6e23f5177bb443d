"""Invokes functions at their rate, as EventBridge does.

When a function last ran is kept: what was due while the stack was down runs soon after its start.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time

from footnote.platform.manifest import FunctionManifest
from local.aws.events import scheduled_event
from local.aws.journal import Journal
from local.runtime.invocation import Invoker, RuntimeStopped

_SETTLE_S = 2.0

logger = logging.getLogger("footnote.local.schedules")


class Schedule:
    """The rule of one function of kind `schedule`."""

    def __init__(self, journal: Journal, manifest: FunctionManifest, runtime: Invoker) -> None:
        assert manifest.schedule is not None
        self._journal = journal
        self._function = manifest.name
        self._rate_s = manifest.schedule.rate_minutes * 60.0
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the rule."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends the rule; an invocation under way goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def next_run(self) -> float:
        """When it is due next (seconds since the epoch)."""
        rows = self._journal.read("SELECT last_run FROM schedules WHERE name = ?", (self._function,))
        last = float(rows[0]["last_run"]) if rows else time.time()
        return max(last + self._rate_s, time.time() + _SETTLE_S)

    async def _run(self) -> None:
        if not self._journal.read("SELECT 1 FROM schedules WHERE name = ?", (self._function,)):
            await self._remember(time.time())
        while True:
            due = self.next_run()
            await asyncio.sleep(due - time.time())
            await self._remember(time.time())
            try:
                result = await self._runtime.invoke(self._function, scheduled_event(self._function, due))
            except RuntimeStopped:
                return
            if result.function_error:
                logger.error("scheduled %s failed: %s", self._function, result.error().get("errorType"))

    async def _remember(self, moment: float) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO schedules VALUES (?, ?)", (self._function, moment))

        await self._journal.write(work)
