"""What runs the model. `load_backend` picks the implementation that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from functions.embedding.settings import EmbeddingServerSettings

Kind = Literal["query", "passage"]
Span = tuple[int, int]
"""A half-open range of characters."""


@dataclass(frozen=True, slots=True)
class Description:
    """Identity and limits of the loaded model; the fields are those of `ModelManifest`."""

    model: str
    revision: str
    dimension: int
    window: int
    precision: str


@dataclass(frozen=True, slots=True)
class Item:
    """One text to embed; `spans` of it get vectors of their own, from the same run of the model."""

    text: str
    spans: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Embedded:
    """One text's result.

    Attributes:
        vector: float32 [dimension], unit length.
        tokens: Word pieces of the whole text, special ones included.
        spans: float32 [spans, dimension], unit length; `None` without spans.
    """

    vector: npt.NDArray[np.float32]
    tokens: int
    spans: npt.NDArray[np.float32] | None = None


class Backend(Protocol):
    """A loaded model. `embed` is called from several threads at once, up to `concurrency`."""

    description: Description
    batch_size: int
    """Texts of one call: what is fastest, and as few as vectors need to be reproducible."""
    concurrency: int
    """Calls that run at the same time without slowing each other down."""

    def embed(self, items: Sequence[Item], kind: Kind) -> list[Embedded]:
        """The vectors of at most `batch_size` texts, in order."""
        ...


def load_backend(settings: EmbeddingServerSettings) -> Backend:
    """Loads the model that the settings name.

    Raises:
        FileNotFoundError: There is no model in the model directory.
        ValueError: The model is damaged.
    """
    if settings.backend == "sentence_transformers":
        from functions.embedding.backends.sentence_transformers import SentenceTransformersBackend

        return SentenceTransformersBackend(settings)
    from functions.embedding.backends.onnx import OnnxBackend

    return OnnxBackend(settings.model_directory, settings.cores())
