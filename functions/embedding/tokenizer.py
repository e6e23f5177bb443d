"""Text to word pieces, by the model's own tokenizer and cut at the model's window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Pieces:
    """One tokenised text.

    Attributes:
        ids: int64 [pieces], at most the window.
        tokens: Word pieces of the whole text, the two special ones included, before it was cut.
    """

    ids: npt.NDArray[np.int64]
    tokens: int


class WordPieces:
    """A model's tokenizer. Thread-safe: encoding changes nothing.

    Args:
        path: The model's `tokenizer.json`.
        window: Longest run of word pieces the model reads, the two special ones included.
    """

    def __init__(self, path: Path, window: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._window = window

    def encode(self, text: str) -> Pieces:
        """The word pieces of `text`; of a longer one the first `window - 1` and the closing piece."""
        ids = self._tokenizer.encode(text).ids
        kept = ids if len(ids) <= self._window else [*ids[: self._window - 1], ids[-1]]
        return Pieces(np.asarray(kept, dtype=np.int64), len(ids))
