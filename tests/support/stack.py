"""A stack of tiny functions, for tests of the runtime and the gateway."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from footnote.platform.manifest import FunctionManifest, load_manifests
from local.layers import RUNTIME, LayerStore
from local.paths import DataPaths, cache_directory
from local.ports import free_port
from local.privileges import give
from local.stack import Ports, Runner, StackConfig

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "stack"


class RuntimeLayers:
    """What the managed runtime holds, and no layer."""

    def __init__(self) -> None:
        self._store = LayerStore(cache_directory())

    def python_path(self, names: Iterable[str]) -> list[Path]:
        assert not list(names)
        return [self._store.path(RUNTIME)]


def stack_config(root: Path, runner: Runner = "runtime-api") -> StackConfig:
    """A stack in an empty directory, on free ports."""
    root.chmod(0o755)
    data = DataPaths(root)
    data.run.mkdir(parents=True)
    give(data.run)
    ports = Ports(**{name: free_port() for name in Ports.__dataclass_fields__})
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
