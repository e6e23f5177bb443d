"""Text to word pieces, by the model's own tokenizer and cut at the model's window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pieces:
    """One tokenised text.

    Attributes:
        ids: int64 [pieces], at most the window.
        tokens: Word pieces of the whole text, the two special ones included, before it was cut.
        offsets: int64 [pieces, 2]: the half-open range of characters that each piece stands for, empty for
            special pieces; `None` where nobody asked.
    """

    ids: npt.NDArray[np.int64]
    tokens: int
    offsets: npt.NDArray[np.int64] | None = None


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

    def encode(self, text: str, *, with_offsets: bool = False) -> Pieces:
        """The word pieces of `text`; of a longer one the first `window - 1` and the closing piece."""
        encoded = self._tokenizer.encode(text)
        return Pieces(
            np.asarray(self._fitting(encoded.ids), dtype=np.int64),
            len(encoded.ids),
            np.asarray(self._fitting(encoded.offsets), dtype=np.int64) if with_offsets else None,
        )

    def _fitting(self, of_pieces: list[T]) -> list[T]:
        if len(of_pieces) <= self._window:
            return of_pieces
        return [*of_pieces[: self._window - 1], of_pieces[-1]]
