"""The embedding model's files, built once, and the container that serves them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from footnote.platform.manifest import FunctionManifest, load_manifest
from local.engines import EngineError
from local.engines.models import ModelsEngine
from local.interpreter import bare_python
from local.layers import LayerStore
from local.stack import StackConfig

_NAME = "embedding"
MODEL_LAYER = "inference"
"""The layer that the model's files are built with."""


class EmbeddingModel:
    """Prepares `functions/embedding` to run as its container would.

    Args:
        repository: The checkout.
        cache: Where layers and model files are kept.
        layers: The layers of this checkout.
    """

    def __init__(self, repository: Path, cache: Path, layers: LayerStore) -> None:
        self._repository = repository
        self._cache = cache
        self._layers = layers
        self._folder = repository / "functions" / _NAME

    @property
    def manifest(self) -> FunctionManifest:
        return load_manifest(self._folder / "function.toml")

    @property
    def directory(self) -> Path:
        """The model directory; another one for each state of what it is built from."""
        sources = [self._folder / "build.py", *sorted((self._folder / "model").glob("*.py"))]
        lock = self._repository / self._layers.manifest(MODEL_LAYER).requirements
        return self._cache / "models" / f"{_NAME}-{_digest([lock, *sources])}"

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
            env=self._environment(),
            cwd=self._repository,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(f"the embedding model could not be built:\n{done.stdout}{done.stderr[-4000:]}")

    def engine(self, config: StackConfig) -> ModelsEngine:
        """The container of one stack."""
        return ModelsEngine(
            self._folder / self.manifest.handler,
            config.ports.models,
            environment=self._environment()
            | {
                "SAGEMAKER_BIND_TO_PORT": str(config.ports.models),
                "EMBEDDING_MODEL_DIRECTORY": str(self.directory),
                **self.manifest.environment,
            },
            reads=(Path(sys.base_prefix), self._repository, self._cache),
            log=config.data.logs / "models.log",
            run_directory=config.data.run,
        )

    def _environment(self) -> dict[str, str]:
        path = [self._repository, *self._layers.python_path(self.manifest.layers)]
        return {
            "PATH": os.pathsep.join((str(bare_python(self._cache).parent), os.defpath)),
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "PYTHONSAFEPATH": "1",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
