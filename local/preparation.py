"""What has to be there before a stack starts, and what only the caller's own account may write.

The stack itself runs unprivileged; everything it only reads is made here: layers, model files, bytecode.
"""

from __future__ import annotations

import compileall
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from footnote.platform.manifest import DEPLOYED_ONLY, FunctionManifest, load_manifests
from local.interpreter import bare_python
from local.layers import RUNTIME, LayerStore
from local.models import MODEL_LAYER, EmbeddingModel
from local.paths import REPOSITORY, DataPaths
from local.privileges import give, make_private_directory
from local.progress import Reporter, step
from local.runtime.emulator import install_emulator
from local.stack import Runner

_PARALLEL_BUILDS = 2
_SOURCES = ("functions", "layers/core/footnote", "local")


def prepare(data: DataPaths, cache: Path, report: Reporter, runner: Runner = "runtime-api") -> None:
    """Makes a stack startable. What is there already costs milliseconds.

    Args:
        data: The stack's data directory; created, and handed to the account that servers run under.
        cache: The cache of layers and model files.
        report: Told of every step.
        runner: What will execute functions; AWS's emulator is fetched if it is wanted.

    Raises:
        EmulatorMissing: The emulator cannot be had.
        LayerError: A layer cannot be built.
        EngineError: The model cannot be built.
    """
    data.root.mkdir(parents=True, exist_ok=True)
    give(data.root, recursive=False)
    for directory in (data.logs, data.run, data.objects):
        make_private_directory(directory)
    bare_python(cache)
    layers = LayerStore(cache)
    model = EmbeddingModel(REPOSITORY, cache, layers)
    needed = _needed_layers(load_manifests(REPOSITORY / "functions"))
    with ThreadPoolExecutor(_PARALLEL_BUILDS) as pool:
        # The model and its large layer take longest, so they begin first and the others go beside them.
        builds: list[Future[Any]] = [pool.submit(_build_model, model, layers, report)]
        builds += [pool.submit(_build_layer, layers, name, report) for name in needed if name != MODEL_LAYER]
        if runner == "rie":
            builds.append(pool.submit(install_emulator, cache))
        builds.append(pool.submit(compile_sources, REPOSITORY))
        for build in builds:
            build.result()


def compile_sources(repository: Path) -> None:
    """Writes the bytecode of the product: functions may not, and would compile it at every cold start."""
    for folder in _SOURCES:
        compileall.compile_dir(str(repository / folder), quiet=2)


def _needed_layers(manifests: Iterable[FunctionManifest]) -> list[str]:
    run_here = [manifest for manifest in manifests if manifest.kind not in DEPLOYED_ONLY]
    return list(dict.fromkeys([RUNTIME, *(layer for manifest in run_here for layer in manifest.layers)]))


def _build_layer(layers: LayerStore, name: str, report: Reporter) -> None:
    if not layers.is_built(name):
        with step(report, f"layer {name}"):
            layers.path(name)


def _build_model(model: EmbeddingModel, layers: LayerStore, report: Reporter) -> None:
    _build_layer(layers, MODEL_LAYER, report)
    if not model.is_built:
        with step(report, "embedding model"):
            model.build()
