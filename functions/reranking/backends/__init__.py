"""What runs the model. `load_backend` picks the implementation that the settings name."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from functions.reranking.settings import RerankingServerSettings

CONFIG, LONGEST = "config.json", 512


@dataclass(frozen=True, slots=True)
class Description:
    """Identity and limits of the loaded model.

    Attributes:
        model: Its name.
        revision: Digest of what scores depend on.
        window: Word pieces of a pair, special ones included; longer pairs are cut.
    """

    model: str
    revision: str
    window: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a passage, read together."""

    query: str
    passage: str


@dataclass(frozen=True, slots=True)
class Scored:
    """One pair's result.

    Attributes:
        score: 0..1.
        tokens: Word pieces of the whole pair, special ones included.
        truncated: Whether the model saw only a part of it.
    """

    score: float
    tokens: int
    truncated: bool


class Backend(Protocol):
    """A loaded model. `score` is called from several threads at once, up to `concurrency`."""

    description: Description
    batch_size: int
    """Pairs of one call: what is fastest, and as few as scores need to be reproducible."""
    concurrency: int
    """Calls that run at the same time without slowing each other down."""

    def score(self, pairs: Sequence[Pair]) -> list[Scored]:
        """The scores of at most `batch_size` pairs, in order.

        Raises:
            ValueError: The model gives something that is no number.
        """
        ...


def sigmoid(logit: float) -> float:
    """A logit's probability, 0..1.

    Raises:
        ValueError: It is not finite.
    """
    if not math.isfinite(logit):
        raise ValueError(f"the model gives {logit} for a pair")
    return (1.0 + math.tanh(logit / 2.0)) / 2.0


def default_window(directory: Path) -> int:
    """Word pieces that the model in a directory has positions for, but no more than 512."""
    path = directory / CONFIG
    config = json.loads(path.read_bytes()) if path.is_file() else {}
    return min(LONGEST, int(config.get("max_position_embeddings", LONGEST)))


def load_backend(settings: RerankingServerSettings) -> Backend:
    """Loads the model that the settings name.

    Raises:
        FileNotFoundError: There is no model in the model directory; the message says what belongs there.
        ValueError: It is not a cross-encoder with one score a pair.
    """
    if settings.backend == "sentence_transformers":
        from functions.reranking.backends.sentence_transformers import CrossEncoderBackend

        return CrossEncoderBackend(settings)
    from functions.reranking.backends.onnx import OnnxBackend

    return OnnxBackend(settings)
