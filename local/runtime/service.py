"""Runs functions: one pool of execution environments for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from footnote.platform.manifest import FunctionManifest
from local.runtime.capacity import Capacity
from local.runtime.emulator import EmulatorEnvironment, install_emulator
from local.runtime.environment import ExecutionEnvironment, encode_event
from local.runtime.invocation import InvocationResult
from local.runtime.pool import Factory, FunctionPool
from local.runtime.process import FunctionLog
from local.runtime.staging import ExecutionPlan, Layers, make_plan
from local.stack import StackConfig

IDLE_TTL_S = 300.0
SURPLUS_TTL_S = 30.0
_SWEEP_S = 15.0
_ENVIRONMENTS_PER_FUNCTION = 4


class FunctionRuntime:
    """All functions of one stack.

    Args:
        config: The stack.
        manifests: Its functions; containers are not run here.
        layers: Where the built layers lie.
        idle_ttl_s: After this long without work an environment ends.
    """

    def __init__(
        self,
        config: StackConfig,
        manifests: Iterable[FunctionManifest],
        layers: Layers,
        *,
        idle_ttl_s: float = IDLE_TTL_S,
    ) -> None:
        self._config = config
        self._manifests = {manifest.name: manifest for manifest in manifests if manifest.kind != "container"}
        self._layers = layers
        self._idle_ttl_s = idle_ttl_s
        self._pools: dict[str, FunctionPool] = {}
        self._logs: dict[str, FunctionLog] = {}
        self._invocations: set[asyncio.Task[InvocationResult]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Lays the task directories out; environments start when they are needed.

        Raises:
            LayerError: A layer cannot be built.
            EmulatorMissing: The emulator is wanted and cannot be installed.
        """
        capacity = Capacity()
        emulator = None
        if self._config.runner == "rie":
            emulator = await asyncio.to_thread(install_emulator, self._config.cache)
        for name, manifest in self._manifests.items():
            plan = await asyncio.to_thread(make_plan, self._config, manifest, self._layers)
            log = self._logs[name] = FunctionLog(plan.log)
            limit = manifest.queue.max_concurrency if manifest.queue else _ENVIRONMENTS_PER_FUNCTION
            self._pools[name] = FunctionPool(name, limit, capacity, _factory(plan, log, emulator))
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Ends all environments and the invocations they work on."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await asyncio.gather(*self._invocations, return_exceptions=True)
        for log in self._logs.values():
            log.close()
        self._pools.clear()

    async def drain(self, timeout_s: float) -> None:
        """Waits until no invocation runs, at most `timeout_s`."""
        if self._invocations:
            await asyncio.wait(self._invocations, timeout=timeout_s)

    async def invoke(self, name: str, event: Mapping[str, Any]) -> InvocationResult:
        """Invokes a function and waits for its answer.

        The invocation goes on to its end although the caller is cancelled, as on Lambda.

        Raises:
            KeyError: No such function.
            RequestTooLarge: The event is over 6 MB.
            RuntimeStopped: The stack is stopping.
        """
        pool = self._pools[name]
        task = asyncio.get_running_loop().create_task(pool.invoke(encode_event(event)))
        self._invocations.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def prewarm(self, names: Iterable[str]) -> None:
        """Starts an environment for each of these functions, in the background."""
        for name in names:
            self._pools[name].prewarm()

    def status(self) -> dict[str, list[int]]:
        """Function names with the process ids of their environments."""
        return {name: pool.pids for name, pool in self._pools.items()}

    def _forget(self, task: asyncio.Task[InvocationResult]) -> None:
        self._invocations.discard(task)
        if not task.cancelled():
            task.exception()  # seen: a caller that left takes no more interest

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(_SWEEP_S, self._idle_ttl_s))
            for pool in self._pools.values():
                pool.evict_unused(self._idle_ttl_s, min(SURPLUS_TTL_S, self._idle_ttl_s))


def _factory(plan: ExecutionPlan, log: FunctionLog, emulator: Path | None) -> Factory:
    """Makes environments; what streams needs our own runtime, since the emulator buffers streams."""
    if emulator is not None and not plan.streaming:
        return lambda ready, gone: EmulatorEnvironment(emulator, plan, log, ready, gone)
    return lambda ready, gone: ExecutionEnvironment(plan, log, ready, gone)
