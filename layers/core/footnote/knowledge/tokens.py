"""The embedding model's own tokenizer: how many word pieces a text has, and where they are.

Uncased BERT WordPiece with the vocabulary of all-MiniLM-L6-v2. Nothing is truncated and no special tokens are
added: text that spells `[SEP]` is counted as the letters it consists of.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_VOCABULARY = Path(__file__).resolve().parent / "data" / "vocab.txt"
_UNKNOWN = "[UNK]"
_LONGEST_WORD = 100  # longer ones are a single [UNK] to the model
_WINDOW = 50_000  # characters encoded at once: bounds the memory of the encodings


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    lines = _VOCABULARY.read_text(encoding="utf-8").split("\n")
    vocabulary = {piece: number for number, piece in enumerate(lines) if piece}
    model = models.WordPiece(vocabulary, unk_token=_UNKNOWN, max_input_chars_per_word=_LONGEST_WORD)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def count_tokens(text: str) -> int:
    """Number of word pieces of `text`, without the special tokens."""
    return len(_tokenizer().encode(text, add_special_tokens=False).ids) if text else 0


def count_many(texts: Sequence[str]) -> list[int]:
    """Number of word pieces of each text."""
    return [
        len(encoding.ids)
        for encoding in _tokenizer().encode_batch_fast(list(texts), add_special_tokens=False)
    ]


def token_spans(text: str) -> list[tuple[int, int]]:
    """Half-open character spans of the word pieces of `text`, in order."""
    return list(_tokenizer().encode(text, add_special_tokens=False).offsets) if text else []


def token_starts(text: str, borders: Sequence[int]) -> array[int]:
    """Where each word piece of `text` begins, ascending, for any length of text in bounded memory.

    Args:
        text: The text.
        borders: Ascending positions where a word ends for sure (block starts): the text is encoded in windows
            that end at one of them, or at a space, so that counts are those of the whole.
    """
    starts = array("Q")
    position, index = 0, 0
    while position < len(text):
        limit = position + _WINDOW
        end = len(text)
        if limit < end:
            while index < len(borders) and borders[index] <= limit:
                index += 1
            end = (
                borders[index - 1]
                if index and borders[index - 1] > position
                else _word_border(text, position, limit)
            )
        starts.extend(
            position + begin
            for begin, _ in _tokenizer().encode(text[position:end], add_special_tokens=False).offsets
        )
        position = end
    return starts


def _word_border(text: str, position: int, limit: int) -> int:
    space = max(text.rfind(" ", position, limit), text.rfind("\n", position, limit))
    return space if space > position else limit
