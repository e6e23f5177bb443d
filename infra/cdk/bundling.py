"""What is uploaded: function assets and layers, built without Docker.

A function may have five layers, and two of them are AWS's (secrets, the web adapter). So the product is one
layer, and the packages of all layers that a `function.toml` names are one more, shared by the functions
that name the same. Packages come from the hashed locks by uv, for Lambda's Python on arm64, and lie under
the hash of the locks: an unchanged lock is built once. Bytecode is compiled by the runtime's own minor
version where that is at hand: Lambda cannot write it, and CDK gives every file the same age, so it must not
be checked against the source.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from local.layers import LayerManifest, LayerStore

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = "3.13"
PLATFORM = "aarch64-manylinux_2_28"
LIMIT_BYTES = 250 * 1024 * 1024
"""Of a function with its layers, unpacked (AWS Lambda Developer Guide, "Lambda quotas")."""

_SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", "tests")


class BundlingError(RuntimeError):
    """A layer cannot be built or is too large; the message says why."""


@dataclass(frozen=True)
class Assets:
    """Builds what is uploaded.

    Attributes:
        cache: Where built layers and staged functions lie.
        repository: The checkout.
        third_party: Whether packages are really installed; without, layers hold the product's own code
            alone, for tests that look at templates only.
    """

    cache: Path
    repository: Path = REPOSITORY
    third_party: bool = True

    def product(self) -> Path:
        """The product's own code, as it is unpacked under `/opt`."""
        sources = [each for each in self._manifests(self._all) if each.source is not None]
        basis = "".join(self._source_digest(each) for each in sources).encode() + self._how()
        digest = hashlib.sha256(basis).hexdigest()[:16]
        target = self.cache / "assets" / f"layer-product-{digest}"
        if not target.exists():
            with _finished(target) as scratch:
                for each in sources:
                    shutil.copytree(
                        self._source(each), scratch / "python" / str(each.source), ignore=_SKIPPED
                    )
                _compile(scratch / "python")
        return target

    def packages(self, layers: Sequence[str]) -> Path:
        """The third-party packages of several layers, as they are unpacked under `/opt`; built if missing.

        Raises:
            BundlingError: uv refused, or two layers hold different versions of a package.
        """
        locks = [self.repository / each.requirements for each in self._manifests(sorted(layers))]
        basis = b"".join(lock.read_bytes() for lock in locks) + self._how()
        target = self.cache / "assets" / f"layer-packages-{hashlib.sha256(basis).hexdigest()[:16]}"
        if not target.exists():
            with _finished(target) as scratch:
                python = scratch / "python"
                python.mkdir()
                (python / "LAYERS").write_text("\n".join(sorted(layers)) + "\n")
                if self.third_party:
                    _install(locks, python)
                    _compile(python)
        return target

    def function(self, name: str) -> Path:
        """A function's folder, as it is unpacked under `/var/task`: its own package and nothing else."""
        folder = name.replace("-", "_")
        sources = self.repository / "functions"
        target = self.cache / "assets" / f"function-{folder}-{_digest(sources / folder)}"
        if not target.exists():
            with _finished(target) as scratch:
                package = scratch / "functions"
                package.mkdir()
                shutil.copy2(sources / "__init__.py", package)
                shutil.copytree(sources / folder, package / folder, ignore=_SKIPPED)
                start = sources / folder / "run.sh"
                if start.exists():
                    shutil.copy2(start, scratch / "run.sh")
                    (scratch / "run.sh").chmod(0o755)
        return target

    def size(self, function: str, layers: Sequence[str]) -> int:
        """Unpacked bytes of a function with its layers."""
        return sum(map(_size, [self.function(function), self.product(), self.packages(layers)]))

    def _how(self) -> bytes:
        compiled = runtime_python() is not None
        return f"{PYTHON} {PLATFORM} {self.third_party} {compiled}".encode()

    @property
    def _all(self) -> list[str]:
        return sorted(file.parent.name for file in (self.repository / "layers").glob("*/layer.toml"))

    def _manifests(self, names: Sequence[str]) -> list[LayerManifest]:
        store = LayerStore(self.cache, self.repository)
        return [store.manifest(name) for name in names]

    def _source(self, manifest: LayerManifest) -> Path:
        return self.repository / "layers" / manifest.name / str(manifest.source)

    def _source_digest(self, manifest: LayerManifest) -> str:
        return _digest(self._source(manifest))


class _finished:  # noqa: N801 - reads as the phrase it is
    """A folder that appears under its name only when it is complete."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=".", dir=self._target.parent))
        self._scratch.chmod(0o755)
        return self._scratch

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None and not self._target.exists():
            self._scratch.rename(self._target)
        else:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _install(locks: Sequence[Path], target: Path) -> None:
    from uv import find_uv_bin

    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    where = ["--python-version", PYTHON, "--python-platform", PLATFORM, "--target", str(target)]
    files = [argument for lock in locks for argument in ("--requirement", str(lock))]
    _run([find_uv_bin(), "pip", "install", *options, *where, *files])


def _compile(target: Path) -> None:
    interpreter = runtime_python()
    if interpreter is None:
        return
    options = ["-q", "-j", "0", "-x", r"/tests?/", "--invalidation-mode", "unchecked-hash"]
    _run([interpreter, "-m", "compileall", *options, str(target)])


@lru_cache(maxsize=1)
def runtime_python() -> str | None:
    """An interpreter of the runtime's minor version: `FOOTNOTE_RUNTIME_PYTHON`, or one uv finds."""
    from uv import find_uv_bin

    chosen = os.environ.get("FOOTNOTE_RUNTIME_PYTHON")
    if chosen:
        return chosen

    found = subprocess.run(
        [find_uv_bin(), "python", "find", "--no-python-downloads", PYTHON],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYENV_VERSION": PYTHON},  # a shim of pyenv answers for the version that is meant
    )
    return found.stdout.strip() if found.returncode == 0 else None


def _run(argv: Sequence[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment.setdefault("UV_SYSTEM_CERTS", "true")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise BundlingError(f"{Path(argv[0]).name} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def _digest(folder: Path) -> str:
    """Of names and contents of all files that are uploaded."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc":
            digest.update(f"{file.relative_to(folder)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
