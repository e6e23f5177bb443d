"""The revision of a model: a digest of what its answers depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

MODEL_FILES = frozenset({".safetensors", ".bin", ".json", ".txt", ".model"})


def files_revision(about: str, directory: Path, files: Iterable[Path]) -> str:
    """Digest of some files of a model directory, with their places in it.

    Args:
        about: What else answers depend on: library, precision.
        directory: The model directory.
        files: Files beneath it, in an order that is always the same.

    Returns:
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256(about.encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(path.relative_to(directory).as_posix().encode())
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def directory_revision(about: str, directory: Path) -> str:
    """Digest of a model directory in the Hugging Face layout: weights, configuration, tokenizer."""
    files = [path for path in sorted(directory.rglob("*")) if path.suffix in MODEL_FILES]
    return files_revision(about, directory, files)
