"""The gateway of one stack: the public API, the functions behind it, and what they have of AWS."""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from footnote.platform.manifest import FunctionManifest
from footnote.platform.settings import load_settings
from local.aws.cloud import Cloud
from local.gateway.access_log import AccessLog
from local.gateway.application import ApiGateway
from local.gateway.authorizer import DEFAULT_TTL_S, Authorizer
from local.gateway.cors import CrossOrigin
from local.gateway.docs import Documentation
from local.gateway.routes import RouteTable
from local.http.asgi import HttpServer
from local.runtime.service import FunctionRuntime
from local.runtime.staging import Layers
from local.stack import StackConfig

_DRAIN_S = 10.0

logger = logging.getLogger("footnote.local.gateway")


class Gateway:
    """Everything of a stack that runs in the supervisor's process.

    Args:
        config: The stack.
        manifests: Its functions.
        layers: Where the built layers lie.
    """

    def __init__(self, config: StackConfig, manifests: Iterable[FunctionManifest], layers: Layers) -> None:
        manifests = list(manifests)
        self._config = config
        self._manifests = manifests
        self._routes = RouteTable(manifests)
        self._runtime = FunctionRuntime(config, manifests, layers)
        self._cloud = Cloud(config, manifests, self._runtime)
        self._log: AccessLog | None = None
        self._server: HttpServer | None = None

    async def start(self) -> None:
        """Opens the API; all engines are ready.

        Raises:
            OSError: A port is taken.
            LayerError: A layer cannot be built.
            AwsError: moto does not do what it should.
        """
        await asyncio.to_thread(_compile_sources, self._config.repository)
        await self._runtime.start()
        await self._cloud.start()
        self._log = AccessLog(self._config.data.logs / "access.log")
        application = ApiGateway(
            self._routes,
            self._runtime,
            self._authorizer(),
            cross_origin=CrossOrigin(load_settings().gateway.cors_origins),
            log=self._log,
            pages=Documentation(self._config.repository, self._config.api_url),
        )
        self._server = HttpServer(application, self._config.ports.api, graceful_s=_DRAIN_S)
        await self._server.start()
        self._cloud.deliver()
        self._runtime.prewarm(each.name for each in self._manifests if each.kind in ("authorizer", "stream"))

    async def drain(self) -> None:
        """Takes no new work up and lets what runs end, for at most ten seconds."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.gather(server.stop(), self._cloud.drain(_DRAIN_S))
            await self._runtime.drain(_DRAIN_S)

    async def stop(self) -> None:
        """Ends all environments and closes every port."""
        await self._cloud.stop_delivering()
        await self._runtime.stop()
        await self._cloud.stop()
        if self._server is not None:
            await self._server.stop()
        if self._log is not None:
            self._log.close()
            self._log = None

    async def engine_restarted(self, name: str) -> None:
        """Gives a restarted engine back what it held in memory only."""
        if name == "aws":
            await self._cloud.replay()

    def status(self) -> dict[str, Any]:
        """The environments of each function (process ids) and what lies in the queues."""
        return {"functions": self._runtime.status(), "queues": self._cloud.status()}

    async def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Calls one function with an event; a streamed answer is told when it is complete.

        Raises:
            ValueError: There is no such function.
        """
        known = sorted(each.name for each in self._manifests if each.kind != "container")
        if function not in known:
            raise ValueError(f"no function is called {function}; there are: {', '.join(known)}")
        result = await self._runtime.invoke(function, event)
        payload = result.payload
        if result.stream is not None:
            payload = b"".join([chunk async for chunk in result.stream])
        return {"payload": payload.decode(errors="replace"), "function_error": result.function_error}

    async def dead_letters(self) -> list[dict[str, Any]]:
        """Messages that were given up: queue, id, body, when sent (seconds since the epoch)."""
        return self._cloud.dead_letters()

    async def redrive(self, queue: str | None = None) -> int:
        """Puts the dead letters of one queue (by default of all) back; returns how many.

        Raises:
            ValueError: There is no such queue.
        """
        return await self._cloud.redrive(queue)

    def _authorizer(self) -> Authorizer | None:
        manifest = next((each for each in self._manifests if each.kind == "authorizer"), None)
        if manifest is None:
            return None
        ttl_s = manifest.authorizer_result_ttl_s
        return Authorizer(self._runtime, manifest.name, DEFAULT_TTL_S if ttl_s is None else ttl_s)


def _compile_sources(repository: Path) -> None:
    """Writes bytecode for the product's code, which unprivileged functions could not write themselves."""
    with contextlib.suppress(OSError):  # a read-only checkout only starts more slowly
        for name in ("layers/core/footnote", "functions"):
            compileall.compile_dir(str(repository / name), quiet=2, workers=1)
