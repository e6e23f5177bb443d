"""The model containers: what they need to start, and the embedding model's files, which are built once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from footnote.platform.manifest import FunctionManifest, load_manifest
from local.engines import EngineError
from local.engines.models import ModelsEngine
from local.interpreter import bare_python
from local.layers import LayerStore
from local.stack import StackConfig

_EMBEDDING, _RERANKING = "embedding", "reranking"
MODEL_LAYER = "inference"
"""The layer that the model's files are built with."""


class _Container:
    """A function of kind `container`, to be run as SageMaker would run it.

    Args:
        name: Its folder under `functions/`.
        repository: The checkout.
        cache: Where layers and model files are kept.
        layers: The layers of this checkout.
    """

    def __init__(self, name: str, repository: Path, cache: Path, layers: LayerStore) -> None:
        self.folder = repository / "functions" / name
        self._repository = repository
        self._cache = cache
        self._layers = layers

    @property
    def manifest(self) -> FunctionManifest:
        return load_manifest(self.folder / "function.toml")

    def environment(self) -> dict[str, str]:
        """What its Python needs, and nothing of ours."""
        path = [self._repository, *self._layers.python_path(self.manifest.layers)]
        return {
            "PATH": os.pathsep.join((str(bare_python(self._cache).parent), os.defpath)),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONSAFEPATH": "1",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

    def engine(
        self, config: StackConfig, name: str, title: str, port: int, model: Path, settings: Mapping[str, str]
    ) -> ModelsEngine:
        """The container of one stack.

        Args:
            config: The stack.
            name: Of the engine.
            title: Of the engine, for people.
            port: Where it listens.
            model: Its model directory.
            settings: Further variables of its environment.
        """
        return ModelsEngine(
            name,
            title,
            self.folder / self.manifest.handler,
            port,
            environment=self.environment()
            | {
                "SAGEMAKER_BIND_TO_PORT": str(port),
                f"{self.folder.name.upper()}_MODEL_DIRECTORY": str(model),
                **settings,
                **self.manifest.environment,
            },
            reads=(Path(sys.base_prefix), self._repository, self._cache, model),
            log=config.data.logs / f"{name}.log",
            run_directory=config.data.run,
        )


class EmbeddingModel:
    """Prepares `functions/embedding`.

    Args:
        repository: The checkout.
        cache: Where layers and model files are kept.
        layers: The layers of this checkout.
    """

    def __init__(self, repository: Path, cache: Path, layers: LayerStore) -> None:
        self._repository = repository
        self._cache = cache
        self._layers = layers
        self._container = _Container(_EMBEDDING, repository, cache, layers)

    @property
    def directory(self) -> Path:
        """The model directory; another one for each state of what it is built from."""
        folder = self._container.folder
        sources = [folder / "build.py", *sorted((folder / "model").glob("*.py"))]
        lock = self._repository / self._layers.manifest(MODEL_LAYER).requirements
        return self._cache / "models" / f"{_EMBEDDING}-{_digest([lock, *sources])}"

    @property
    def is_built(self) -> bool:
        return self.directory.exists()

    def build(self) -> None:
        """Builds the model directory; it appears whole or not at all. Blocks for some seconds.

        Raises:
            EngineError: The model does not agree with its reference vectors, or its packages are incomplete.
        """
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [bare_python(self._cache), "-m", "functions.embedding.build", "--output", self.directory],
            env=self._container.environment(),
            cwd=self._repository,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(f"the embedding model could not be built:\n{done.stdout}{done.stderr[-4000:]}")

    def engine(self, config: StackConfig) -> ModelsEngine:
        """The container of one stack."""
        title, port = "embedding model server", config.ports.models
        return self._container.engine(config, "models", title, port, self.directory, {})


def reranker_engine(config: StackConfig, layers: LayerStore) -> ModelsEngine | None:
    """The reranking container of one stack; `None` without a cross-encoder, which costs nothing then.

    The operator's `RERANKING_...` variables reach it: which graph, how many workers.
    """
    if config.reranker is None:
        return None
    container = _Container(_RERANKING, config.repository, config.cache, layers)
    settings = {key: value for key, value in config.operator.items() if key.startswith("RERANKING_")}
    title, port = "reranking model server", config.ports.reranker
    return container.engine(config, "reranker", title, port, config.reranker, settings)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
