"""A query and a passage as one run of word pieces, cut to the model's window on the passage's side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Encoding, Tokenizer

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Pieces:
    """One tokenised pair.

    Attributes:
        encoding: What the model reads, at most the window.
        tokens: Word pieces of the whole pair, special ones included, before it was cut.
    """

    encoding: Encoding
    tokens: int

    @property
    def truncated(self) -> bool:
        return len(self.encoding.ids) < self.tokens


class PairTokenizer:
    """A model's tokenizer for pairs. Thread-safe: encoding changes nothing of it.

    Args:
        path: The model's `tokenizer.json`.
        window: Word pieces the model reads, special ones included.

    Raises:
        ValueError: The tokenizer does not part the two texts of a pair.
    """

    def __init__(self, path: Path, window: int) -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._special = self._tokenizer.num_special_tokens_to_add(is_pair=True)
        if self._special == 0:
            raise ValueError(f"{path} puts nothing between the two texts of a pair: it is no cross-encoder's")
        self._room = window - self._special

    def encode(self, query: str, passage: str) -> Pieces:
        """The word pieces of a pair.

        The passage is cut where the window ends. A query that would take more than half of it, and so leave
        nothing to be judged, is cut there itself.
        """
        first, second, tokens = self._cut(query, passage)
        return Pieces(self._tokenizer.post_process(first, second), tokens)

    def visible(self, query: str, passage: str) -> tuple[str, str, int]:
        """What the model sees of both texts, for libraries that tokenise themselves; and all their pieces."""
        first, second, tokens = self._cut(query, passage)
        if tokens <= self._room + self._special:
            return query, passage, tokens
        return query[: _end(first)], passage[: _end(second)], tokens

    def _cut(self, query: str, passage: str) -> tuple[Encoding, Encoding, int]:
        first = self._tokenizer.encode(query, add_special_tokens=False)
        second = self._tokenizer.encode(passage, add_special_tokens=False)
        pieces = len(first.ids) + len(second.ids)
        if pieces > self._room:
            first.truncate(max(self._room // 2, self._room - len(second.ids)))
            second.truncate(self._room - len(first.ids))
        return first, second, pieces + self._special


def _end(encoding: Encoding) -> int:
    return encoding.offsets[-1][1] if encoding.offsets else 0
