"""Vectors of a text's spans out of the one run that made the text's own (late chunking, arXiv:2409.04701).

Each piece has read the whole text, so a sentence's vector knows what "it" and "there" stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from functions.embedding.backends import Span


def pool_spans(
    states: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    spans: Sequence[Span],
    whole: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """The mean of the states of each span's pieces, of unit length.

    A piece belongs to every span that it shares a character with; special pieces belong to none. A span
    without a piece, such as one behind the model's window, gets the vector of the whole text.

    Args:
        states: float32 [pieces, dimension].
        offsets: int64 [pieces, 2]: the characters of each piece, an empty range for special ones.
        spans: Half-open ranges of characters.
        whole: float32 [dimension], the text's own vector.

    Returns:
        float32 [spans, dimension].
    """
    starts, ends = offsets[:, 0], offsets[:, 1]
    real = ends > starts
    pooled = np.empty((len(spans), len(whole)), dtype=np.float32)
    for row, (start, end) in enumerate(spans):
        inside = real & (starts < end) & (ends > start)
        pooled[row] = _unit(states[inside].mean(axis=0)) if inside.any() else whole
    return pooled


def _unit(vector: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else vector
