"""How much of what was indexed the embedding model really reads: its window is 256 word pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

WINDOW = 256
"""Word pieces of one input of all-MiniLM-L6-v2, the two special ones included; the rest is cut off."""


@dataclass(frozen=True)
class Chunk:
    """A chunk as a library embeds it.

    Attributes:
        text: The document's own text.
        embedded: What goes to the model: a prefix (title, metadata; perhaps empty) and then the text.
    """

    text: str
    embedded: str


def embedded_share(chunks: Sequence[Chunk], model: Path) -> float:
    """Share of the chunks' own characters that lie inside the model's window, 0..1; 1 without chunks.

    Args:
        chunks: What was embedded.
        model: Folder with the model's `tokenizer.json`.
    """
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW)
    tokenizer.no_padding()
    total = sum(len(chunk.text) for chunk in chunks)
    return sum(_seen(chunk, tokenizer) for chunk in chunks) / total if total else 1.0


def _seen(chunk: Chunk, tokenizer: Tokenizer) -> int:
    end = max((stop for _, stop in tokenizer.encode(chunk.embedded).offsets), default=0)
    if end == len(chunk.embedded.rstrip()):
        return len(chunk.text)  # trailing white space has no word piece
    prefix = len(chunk.embedded) - len(chunk.text)
    return min(max(end - prefix, 0), len(chunk.text))
