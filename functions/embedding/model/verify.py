"""Checks a built model against vectors of the reference implementation (sentence-transformers on torch)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from functions.embedding.backends import Item
from functions.embedding.backends.onnx import OnnxBackend

REFERENCES = Path(__file__).resolve().parent.parent / "data" / "reference.json"
MAX_DIFFERENCE = {"fp32": 1e-5, "int8": 0.05}
MIN_COSINE = {"fp32": 0.99999, "int8": 0.98}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near a model comes to the reference.

    Attributes:
        max_difference: Largest absolute difference of any component.
        min_cosine: Cosine of the worst text.
        mean_cosine: Mean cosine over the texts.
    """

    max_difference: float
    min_cosine: float
    mean_cosine: float


def agreement(directory: Path, references: Path = REFERENCES) -> Agreement:
    """Embeds the reference texts with the model in `directory` and compares."""
    cases = json.loads(references.read_text(encoding="utf-8"))["cases"]
    backend = OnnxBackend(directory, concurrency=1)
    expected = np.array([case["vector"] for case in cases], dtype=np.float32)
    actual = np.stack(
        [one.vector for case in cases for one in backend.embed([Item(case["text"])], "passage")]
    )
    norms = np.linalg.norm(actual, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (actual * expected).sum(axis=1) / norms
    return Agreement(float(np.abs(actual - expected).max()), float(cosines.min()), float(cosines.mean()))


def verify(directory: Path, precision: str) -> Agreement:
    """Accepts or refuses a built model.

    Raises:
        ValueError: Its vectors are not those of the published model; the message has the figures.
    """
    found = agreement(directory)
    if found.max_difference > MAX_DIFFERENCE[precision] or found.min_cosine < MIN_COSINE[precision]:
        raise ValueError(f"the built model does not agree with the reference vectors: {found}")
    return found
