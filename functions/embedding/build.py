"""Builds a model directory: `python -m functions.embedding.build --output DIR [--precision int8|fp32]`.

The directory appears complete or not at all: it is written beside its place, checked against reference
vectors and only then moved there. A directory that already holds this very model is left alone.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from onnx import ModelProto, NodeProto, helper

from functions.embedding.model import graph
from functions.embedding.model.graph import Precision
from functions.embedding.model.manifest import (
    GRAPH,
    MANIFEST,
    TOKENIZER,
    ModelManifest,
    file_digest,
    read_manifest,
)
from functions.embedding.model.source import ModelSource, installed_source
from functions.embedding.model.verify import verify


def build(output: Path, precision: Precision = "int8", source: ModelSource | None = None) -> ModelManifest:
    """Builds the model into `output`.

    Args:
        output: The model directory; replaced when it holds another model.
        precision: `int8` is twice as fast and a quarter of the size; `fp32` equals the published model.
        source: Published files; the installed all-MiniLM-L6-v2 when not given.

    Raises:
        ValueError: The result does not agree with the reference vectors, or `output` holds something else.
        FileNotFoundError: The weights are not installed.
    """
    source = source or installed_source()
    with _alone(output.parent):
        return _build(output, precision, source)


def ensure(output: Path, precision: Precision = "int8") -> tuple[ModelManifest, bool]:
    """The installed model in `output`, built if it is not there; and whether it was built now.

    Several processes may ask at once; one builds and the others wait. Errors are those of `build`.
    """
    source = installed_source()
    with _alone(output.parent):
        if is_current(output, precision, source):
            return read_manifest(output), False
        return _build(output, precision, source), True


def is_current(output: Path, precision: Precision, source: ModelSource) -> bool:
    """Whether `output` holds an undamaged model made of these files by this code."""
    try:
        manifest = read_manifest(output)
    except (FileNotFoundError, ValueError):
        return False
    return manifest.recipe == recipe(source, precision)


def recipe(source: ModelSource, precision: Precision) -> str:
    """Digest of what goes into a build: published files, precision and the code that writes the graph."""
    code = Path(graph.__file__).read_bytes()
    return _digest(source.name.encode(), source.digest().encode(), precision.encode(), code)


def revision(model: ModelProto, source: ModelSource, precision: Precision) -> str:
    """Digest of what a vector depends on: the graph with its weights, the tokenizer, the precision.

    It is taken over the meaning of the graph, not over its encoding, so that another version of the `onnx`
    package does not strand the vectors of an index.
    """
    nodes = [
        repr((node.op_type, node.domain, list(node.input), list(node.output), _attributes(node))).encode()
        for node in model.graph.node
    ]
    weights = [
        repr((tensor.name, tensor.data_type, list(tensor.dims))).encode() + tensor.raw_data
        for tensor in model.graph.initializer
    ]
    return _digest(source.tokenizer.read_bytes(), precision.encode(), *nodes, *weights)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m functions.embedding.build", description=__doc__.split(":")[0]
    )
    parser.add_argument("--output", type=Path, required=True, help="the model directory")
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--force", action="store_true", help="build even if the model is already there")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if options.force:
            manifest, is_new = build(options.output, options.precision), True
        else:
            manifest, is_new = ensure(options.output, options.precision)
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not is_new:
        print(f"{options.output} already holds {manifest.model} ({manifest.precision})")
        return 0
    took = time.monotonic() - started
    print(f"built {manifest.model} ({manifest.precision}) in {took:.1f} s: revision {manifest.revision[:12]}")
    return 0


@contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Only one build at a time beneath a directory; a killed one frees it."""
    parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _build(output: Path, precision: Precision, source: ModelSource) -> ModelManifest:
    """Builds under the lock."""
    _refuse_foreign(output)
    prefix = f".{output.name}.building-"
    for neighbour in output.parent.iterdir():
        if neighbour.name.startswith(prefix):  # a build that was killed
            shutil.rmtree(neighbour)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=output.parent) as scratch:
        fresh = Path(scratch) / "fresh"
        manifest = _write(fresh, source, precision)
        verify(fresh, precision)
        _replace(output, fresh, Path(scratch) / "former")
    return manifest


def _write(directory: Path, source: ModelSource, precision: Precision) -> ModelManifest:
    directory.mkdir()
    architecture = source.architecture()
    model = graph.EncoderGraph(source.weights(), architecture, precision).build()
    _store(directory / GRAPH, model.SerializeToString(deterministic=True))
    _store(directory / TOKENIZER, source.tokenizer.read_bytes())
    manifest = ModelManifest(
        model=source.name,
        revision=revision(model, source, precision),
        dimension=architecture.hidden,
        window=architecture.window,
        precision=precision,
        recipe=recipe(source, precision),
        files={name: file_digest(directory / name) for name in (GRAPH, TOKENIZER)},
    )
    _store(directory / MANIFEST, manifest.model_dump_json(indent=2).encode() + b"\n")
    return manifest


def _store(path: Path, content: bytes) -> None:
    """Writes a file through to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _refuse_foreign(output: Path) -> None:
    """Never replaces a directory that is not a model."""
    if (
        output.exists()
        and not (output / MANIFEST).is_file()
        and (not output.is_dir() or any(output.iterdir()))
    ):
        raise ValueError(f"{output} exists and is not a model directory; choose another or remove it")


def _replace(output: Path, fresh: Path, former: Path) -> None:
    if output.exists():
        output.rename(former)
    fresh.rename(output)


def _attributes(node: NodeProto) -> list[str]:
    return sorted(f"{item.name}={helper.get_attribute_value(item)!r}" for item in node.attribute)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
