"""A stack of tiny functions, for tests of the runtime and the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from footnote.platform.manifest import FunctionManifest, load_manifests
from local.gateway import Gateway
from local.layers import RUNTIME, LayerStore
from local.paths import DataPaths, cache_directory
from local.ports import free_ports
from local.privileges import give
from local.stack import Ports, Runner, StackConfig

GATEWAY_FUNCTIONS = ("authorizer", "echo", "ingest", "stream", "tick")
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "stack"


class RuntimeLayers:
    """What the managed runtime holds, and no layer."""

    def __init__(self) -> None:
        self._store = LayerStore(cache_directory())

    def python_path(self, names: Iterable[str]) -> list[Path]:
        assert not list(names)
        return [self._store.path(RUNTIME)]


def stack_config(root: Path, runner: Runner = "runtime-api", moto_port: int | None = None) -> StackConfig:
    """A stack in an empty directory, on free ports."""
    root.chmod(0o755)
    data = DataPaths(root)
    data.run.mkdir(parents=True)
    give(data.run)
    names = list(Ports.__dataclass_fields__)
    chosen = dict(zip(names, free_ports(len(names)), strict=True))
    ports = Ports(**{**chosen, "moto": moto_port or chosen["moto"]})
    return StackConfig(
        data=data,
        ports=ports,
        cache=cache_directory(),
        credential_key="test key",
        secrets={"footnote/redis": "hidden", "footnote/postgres/footnote_app": "pässword"},
        runner=runner,
        repository=FIXTURES,
    )


def fixture_manifests() -> dict[str, FunctionManifest]:
    """The tiny functions, by name."""
    return {manifest.name: manifest for manifest in load_manifests(FIXTURES / "functions")}


@dataclass
class RunningStack:
    """A gateway that serves."""

    config: StackConfig
    gateway: Gateway


@asynccontextmanager
async def running_gateway(
    config: StackConfig, manifests: Iterable[FunctionManifest]
) -> AsyncIterator[RunningStack]:
    """Starts and stops a gateway."""
    gateway = Gateway(config, manifests, RuntimeLayers())
    await gateway.start()
    try:
        yield RunningStack(config, gateway)
    finally:
        await gateway.drain()
        await gateway.stop()
