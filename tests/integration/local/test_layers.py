"""Layers are built from their locks: hashes checked, once, with bytecode that is never stale."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.interpreter import bare_python
from local.layers import LayerError, LayerStore
from local.paths import REPOSITORY

UNCHECKED_HASH = 0b01


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with one small layer."""
    shutil.copytree(REPOSITORY / "layers" / "redis", tmp_path / "layers" / "redis")
    (tmp_path / "requirements").mkdir()
    shutil.copy(REPOSITORY / "requirements" / "layer-redis.txt", tmp_path / "requirements")
    return tmp_path


@pytest.mark.parametrize("folder", sorted((REPOSITORY / "layers").iterdir()), ids=lambda folder: folder.name)
def test_every_layer_is_described(folder: Path) -> None:
    manifest = LayerStore(Path("/unused")).manifest(folder.name)
    assert manifest.name == folder.name
    assert (REPOSITORY / manifest.requirements).is_file()
    assert manifest.source is None or (folder / manifest.source / "__init__.py").is_file()


def test_a_layer_is_built_once_and_works_alone(repository: Path, tmp_path: Path) -> None:
    told: list[str] = []
    stores = [LayerStore(tmp_path / "cache", repository, told.append) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        trees = set(pool.map(lambda store: store.path("redis"), stores))
    assert len(trees) == 1
    assert told == ["building layer redis"]
    tree = trees.pop()
    code = "import redis, sys; print(redis.__file__, 'site' in sys.modules)"
    done = subprocess.run(
        [bare_python(tmp_path / "cache"), "-c", code],
        env={"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == [str(tree / "redis" / "__init__.py"), "False"]
    compiled = Path(importlib.util.cache_from_source(str(tree / "redis" / "__init__.py"))).read_bytes()
    assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH


def test_a_package_with_another_hash_is_refused(repository: Path, tmp_path: Path) -> None:
    lock = repository / "requirements" / "layer-redis.txt"
    lines = lock.read_text().split("sha256:")
    lock.write_text("sha256:".join([lines[0], *("0" * 64 + line[64:] for line in lines[1:])]))
    store = LayerStore(tmp_path / "cache", repository)
    with pytest.raises(LayerError, match=r"[Hh]ash"):
        store.path("redis")
    assert not store.is_built("redis")
    assert not [path for path in (tmp_path / "cache" / "layers").iterdir() if path.is_dir()]


def test_an_unknown_layer_is_named(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="nonesuch"):
        LayerStore(tmp_path).path("nonesuch")
