"""`manifest.json` of a model directory: what the model is, and the digests of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

MANIFEST, GRAPH, TOKENIZER = "manifest.json", "model.onnx", "tokenizer.json"


class ModelManifest(BaseModel):
    """Identity of a built model.

    Attributes:
        model: Hub name.
        revision: Digest of weights, graph and precision; vectors of two revisions are never compared.
        dimension: Length of a vector.
        window: Word pieces the model reads, the two special ones included; longer texts are cut.
        precision: How linear layers calculate.
        recipe: Digest of what it was built from; tells whether a build is needed.
        files: SHA-256 of each file, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    revision: str
    dimension: int
    window: int
    precision: Literal["fp32", "int8"]
    recipe: str
    files: dict[str, str]


def read_manifest(directory: Path) -> ModelManifest:
    """Reads a model directory's manifest and checks its files.

    Raises:
        FileNotFoundError: The directory holds no model; the message says how to build one.
        ValueError: A file differs from what was built; the message names it.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"no model in {directory}; build one: `python -m functions.embedding.build --output {directory}`"
        )
    manifest = ModelManifest.model_validate_json(path.read_bytes())
    for name, digest in manifest.files.items():
        file = directory / name
        if not file.is_file() or file_digest(file) != digest:
            raise ValueError(f"{file} is damaged or missing: build the model again")
    return manifest


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
