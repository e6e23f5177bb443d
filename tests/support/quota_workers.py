"""Processes that use the quota, each with a connection of its own, and that die where they are told to.

Every process takes its list of tasks one after the other, tells what it does over a pipe before and after
each step, and can be killed at a numbered point of a task.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum
from multiprocessing.connection import Connection, wait
from types import MappingProxyType
from typing import Any

from footnote.composition import Container
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError
from footnote.platform.settings import PostgresSettings, RateSettings, RedisSettings, Settings
from footnote.quota import Admission, Meter, Replayed, Used, Work
from footnote.quota.rates import Rates
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.quota import PostgresQuotaStore
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.clock import ManualClock
from tests.support.postgres import TestDatabase

PATIENT = MappingProxyType({"statement_timeout_ms": 8_000, "lock_timeout_ms": 6_000})


class KillPoint(IntEnum):
    """Where a process can die; 6 alone kills the server's side of it."""

    BEFORE_RESERVE = 1
    BEFORE_RESERVE_COMMITS = 2
    ANSWER_OF_RESERVE_LOST = 3
    AFTER_DISPATCH = 4
    BEFORE_SETTLE_COMMITS = 5
    BACKEND_TERMINATED_IN_SETTLE = 6
    ANSWER_OF_SETTLE_LOST = 7


@dataclass(frozen=True)
class Task:
    """One request of a client: what it reserves and uses, and where its process dies the first time.

    Attributes:
        end: What becomes of it: `settle`, `release`, or `abandon` (nothing at all).
        pause_s: Seconds that the work takes.
        back_off_s: Seconds that the client waits after it was told that the service is down.
        settlements: How often the same settlement is sent.
    """

    number: int
    context: OrganizationContext
    units: Mapping[Meter, int]
    used: tuple[Used, ...] = ()
    key: str | None = None
    end: str = "settle"
    pause_s: float = 0.0
    back_off_s: float = 0.0
    kill_at: KillPoint | None = None
    settlements: int = 1


@dataclass(frozen=True)
class Step:
    """What a process told: `invoke` before a task, then `ok` or `fail`, and of which kind.

    A process that died in between leaves the outcome unknown.
    """

    worker: int
    number: int
    kind: str
    outcome: str = ""
    response: Any = None
    details: Any = None
    at: float = 0.0


class _DyingDatabase(Database):
    """Calls `before_commit` as the last thing in a transaction."""

    before_commit: Callable[[Cursor], Any] | None = None

    async def tenant_call(
        self, context: OrganizationContext, statement: str, values: Mapping[str, Any]
    ) -> Any:
        if self.before_commit is None:
            return await super().tenant_call(context, statement, values)
        async with self.tenant_tx(context) as cursor:
            await cursor.execute(statement, values)
            return await cursor.fetchone()

    @asynccontextmanager
    async def tenant_tx(self, context: OrganizationContext, **options: Any) -> AsyncIterator[Cursor]:
        async with super().tenant_tx(context, **options) as cursor:
            yield cursor
            if self.before_commit is not None:
                await self.before_commit(cursor)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Client:
    """Does tasks as a function does: admit, work, settle."""

    def __init__(self, database: _DyingDatabase, rates: Rates | None) -> None:
        self._database = database
        self._rates = rates
        self._admission = Admission(PostgresQuotaStore(database, "free"), ManualClock())

    async def run(self, task: Task) -> tuple[str, Any]:
        """What the client was answered."""
        self._die_at(task, KillPoint.BEFORE_RESERVE)
        if self._rates is not None:
            await self._rates.allow(task.context, "chat")
        self._arm(task, KillPoint.BEFORE_RESERVE_COMMITS)
        work = Work("chat", task.units, {"task": task.number}, task.key)
        hold = await self._admission.admit(task.context, work)
        if isinstance(hold, Replayed):
            return "replayed", hold.response
        self._die_at(task, KillPoint.ANSWER_OF_RESERVE_LOST)
        await asyncio.sleep(task.pause_s)
        self._die_at(task, KillPoint.AFTER_DISPATCH)
        if task.end == "release":
            await self._admission.release(task.context, hold)
        if task.end != "settle":
            return task.end, None
        response = {"answer": f"{task.number} in {os.getpid()} at {time.time_ns()}"}
        settlement = hold.settlement(task.used, response=response)
        self._arm(task, KillPoint.BEFORE_SETTLE_COMMITS)
        self._arm(task, KillPoint.BACKEND_TERMINATED_IN_SETTLE)
        for _ in range(task.settlements):
            await self._admission.settle(task.context, settlement)
        self._die_at(task, KillPoint.ANSWER_OF_SETTLE_LOST)
        return "served", response

    @staticmethod
    def _die_at(task: Task, point: KillPoint) -> None:
        if task.kill_at is point:
            _die()

    def _arm(self, task: Task, point: KillPoint) -> None:
        if task.kill_at is not point:
            return

        async def strike(cursor: Cursor) -> None:
            self._database.before_commit = None
            if point is not KillPoint.BACKEND_TERMINATED_IN_SETTLE:
                _die()
            await cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        self._database.before_commit = strike


def _rates(database: Database, port: int, password: str) -> Rates:
    """The rate limiter of a function, its limits out of the way."""
    redis = RedisSettings(port=port, password_secret="redis")
    limits = RateSettings(chat_per_minute=1_000_000)
    container = Container(Settings(environment="test", redis=redis, rates=limits))
    container.__dict__.update(database=database, secrets=StaticSecrets({"redis": password}))
    return container.rates


def _serve(
    worker: int,
    settings: PostgresSettings,
    passwords: dict[str, str],
    redis: tuple[int, str] | None,
    tasks: Sequence[Task],
    pipe: Connection,
) -> None:
    """The process's whole life."""

    async def run() -> None:
        database = _DyingDatabase(settings, StaticSecrets(passwords))
        client = _Client(database, None if redis is None else _rates(database, *redis))
        for task in tasks:
            pipe.send(Step(worker, task.number, "invoke", at=time.monotonic()))
            try:
                outcome, response = await client.run(task)
            except FootnoteError as error:
                details = (error.status, getattr(error, "details", None))
                step = Step(worker, task.number, "fail", error.code, details=details, at=time.monotonic())
                await asyncio.sleep(task.back_off_s if error.status == 503 else 0)
            else:
                step = Step(worker, task.number, "ok", outcome, response, at=time.monotonic())
            pipe.send(step)
        await database.close()

    logging.disable(logging.WARNING)
    asyncio.run(run())
    pipe.close()


@dataclass
class _Running:
    process: Any
    pipe: Connection
    tasks: list[Task]


@dataclass
class Processes:
    """Runs tasks in several processes at once.

    Args:
        database: Where.
        count: Processes at the same time.
        settings: Fields of `PostgresSettings` that differ. Time limits are long: a busy machine must not
            look like a database that is down.
        on_step: Called with each step, as soon as it is told.
        redis: Port and password; with them each request is counted by the rate limiter first.
    """

    database: TestDatabase
    count: int = 4
    settings: Mapping[str, Any] = field(default_factory=lambda: PATIENT)
    on_step: Callable[[Step], None] | None = None
    redis: tuple[int, str] | None = None

    def run(self, tasks: Sequence[Task]) -> list[Step]:
        """All steps, in the order in which they came. A process that died is replaced: the next one goes on
        with the task at which it died, as a client that asks again."""
        running = {
            worker: self._start(worker, list(tasks[worker :: self.count])) for worker in range(self.count)
        }
        steps: list[Step] = []
        while running:
            ready = wait([one.pipe for one in running.values()], timeout=60)
            assert ready, "no process told anything for a minute"
            for worker in [worker for worker, one in running.items() if one.pipe in ready]:
                one = running[worker]
                try:
                    step = one.pipe.recv()
                except EOFError:
                    one.process.join()
                    del running[worker]
                    if one.tasks:
                        assert one.process.exitcode == -signal.SIGKILL, one.process.exitcode
                        first = replace(one.tasks[0], kill_at=None)
                        running[worker] = self._start(worker, [first, *one.tasks[1:]])
                    continue
                steps.append(step)
                if step.kind != "invoke":
                    one.tasks.pop(0)
                if self.on_step is not None:
                    self.on_step(step)
        return steps

    def _start(self, worker: int, tasks: list[Task]) -> _Running:
        database = self.database
        values: dict[str, Any] = {
            "host": database.host, "port": database.port, "database": database.name,
            "user": "footnote_app", "password_secret": "footnote_app",
        }  # fmt: skip
        settings = PostgresSettings(**{**values, **self.settings})
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.support.quota_workers"])
        receives, sends = context.Pipe(duplex=False)
        process = context.Process(
            target=_serve,
            args=(worker, settings, database.passwords, self.redis, tasks, sends),
            daemon=True,
        )
        process.start()
        sends.close()
        return _Running(process, receives, tasks)


def outcomes(steps: Sequence[Step]) -> dict[str, int]:
    """How often each outcome was told."""
    counted: dict[str, int] = {}
    for step in steps:
        if step.kind != "invoke":
            counted[step.outcome] = counted.get(step.outcome, 0) + 1
    return counted


def tasks_of(
    context: OrganizationContext, count: int, units: Mapping[Meter, int], **fields: Any
) -> list[Task]:
    """The same task for one organization, `count` times; it uses what it reserves."""
    used = tuple(Used(meter, number) for meter, number in units.items() if meter is not Meter.COST)
    return [Task(number, context, units, **{"used": used, **fields}) for number in range(count)]
