"""Layers for this host: what Lambda would unpack under `/opt/python`, built from the locks by uv.

A tree is built when it is first needed and kept in the cache under the hash of its lock, so that a changed
lock is a new tree and an unchanged one costs nothing. Only wheels of the lock with matching hashes get in,
and no dependency that the lock does not name: a package missing from a lock is missing here as on Lambda.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from uv import find_uv_bin

from local.interpreter import base_interpreter
from local.paths import REPOSITORY

RUNTIME = "runtime"
"""Not a layer: what the managed Lambda runtime already carries."""


class LayerError(RuntimeError):
    """A layer is unknown or cannot be built; the message holds what uv printed."""


class LayerManifest(BaseModel):
    """One `layers/<name>/layer.toml`.

    Attributes:
        requirements: The layer's lock, relative to the repository.
        source: A package beside the manifest that belongs to the layer, if any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    requirements: str
    source: str | None = None


class LayerStore:
    """Builds and finds layer trees. Safe to use from several processes at once.

    Args:
        cache: Where trees are kept.
        repository: The checkout whose layers are meant.
        report: Told, in words, of every build before it starts.
    """

    def __init__(
        self, cache: Path, repository: Path = REPOSITORY, report: Callable[[str], None] = lambda _: None
    ) -> None:
        self._trees = cache / "layers"
        self._repository = repository
        self._report = report

    def path(self, name: str) -> Path:
        """The folder of a layer's third-party packages, to be put on `PYTHONPATH`; built if missing (blocks).

        Raises:
            LayerError: No such layer, or uv refused.
        """
        lock = self._lock(name)
        tree = self._trees / f"{name}-{_key(lock)}"
        if not tree.exists():
            with self._exclusive(name):
                if not tree.exists():
                    self._build(name, lock, tree)
        return tree / "python"

    def python_path(self, names: Iterable[str]) -> list[Path]:
        """What stands on `PYTHONPATH` of a function with these layers, after its own code.

        The managed runtime's packages come last, as on Lambda.
        """
        folders: list[Path] = []
        for name in names:
            if self.manifest(name).source is not None:
                folders.append(self._repository / "layers" / name)
            folders.append(self.path(name))
        return [*folders, self.path(RUNTIME)]

    def manifest(self, name: str) -> LayerManifest:
        """The description of a layer.

        Raises:
            LayerError: No such layer.
        """
        file = self._repository / "layers" / name / "layer.toml"
        try:
            return LayerManifest.model_validate(tomllib.loads(file.read_text()))
        except FileNotFoundError:
            raise LayerError(f"no layer is called {name}: {file} is missing") from None

    def is_built(self, name: str) -> bool:
        """Whether `path(name)` would return at once."""
        return (self._trees / f"{name}-{_key(self._lock(name))}").exists()

    def _lock(self, name: str) -> Path:
        if name == RUNTIME:
            return self._repository / "requirements" / "runtime.txt"
        return self._repository / self.manifest(name).requirements

    @contextmanager
    def _exclusive(self, name: str) -> Iterator[None]:
        self._trees.mkdir(parents=True, exist_ok=True)
        with (self._trees / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _build(self, name: str, lock: Path, tree: Path) -> None:
        self._report(f"building layer {name}")
        scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self._trees))
        scratch.chmod(0o755)
        try:
            packages = scratch / "python"
            _install(lock, packages)
            _compile(packages)
            scratch.rename(tree)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise


def _key(lock: Path) -> str:
    host = f"{sys.implementation.cache_tag}/{sysconfig.get_platform()}/{'-'.join(platform.libc_ver())}"
    return hashlib.sha256(lock.read_bytes() + host.encode()).hexdigest()[:16]


def _install(lock: Path, packages: Path) -> None:
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    where: list[str | Path] = ["--python", base_interpreter(), "--target", packages]
    _run([find_uv_bin(), "pip", "install", *options, *where, "--requirement", lock])


def _compile(packages: Path) -> None:
    """Writes bytecode that is never checked against the source: nothing in a layer changes."""
    jobs = str(min(4, os.cpu_count() or 1))
    options = ["-q", "-j", jobs, "-x", r"/tests?/", "--invalidation-mode", "unchecked-hash"]
    _run([base_interpreter(), "-m", "compileall", *options, packages])


def _run(argv: list[str | Path]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("UV_SYSTEM_CERTS", "true")  # a company's proxy has certificates of its own
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise LayerError(f"{Path(argv[0]).name} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
