"""The smallest pieces of chunks: sentences, table rows, lines of code, and parts of long ones."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from footnote.knowledge.models import Block, ParsedDocument
from footnote.knowledge.sentences import sentence_spans
from footnote.knowledge.tokens import count_tokens, token_starts

_CLAUSE = re.compile(r"[;:,.!?)\]}»”]\s|\s(?=[–—|(\[{«“-])|[、，；：）」』]")
_LINE = re.compile(r"[^\n]+")
_TERMINAL = re.compile(r"[.!?:;…。！？؟۔।][\"'”’»)\]]*$")
_FLOWING = frozenset({"paragraph", "list_item"})
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(slots=True)
class Atom:
    """A piece of text that is not divided further.

    Attributes:
        start, end: Span in the document's text.
        tokens: Word pieces in it.
        first, last: Indexes of the first and the last block it lies in.
    """

    start: int
    end: int
    tokens: int
    first: int
    last: int


class Atoms:
    """All atoms of a document, each at most as large as a chunk may be.

    Args:
        document: The document.
        max_tokens: Most word pieces of an atom.
        max_characters: Most characters of an atom.
    """

    def __init__(self, document: ParsedDocument, max_tokens: int, max_characters: int) -> None:
        self._text = document.text
        self._max_tokens = max_tokens
        self._max_characters = max_characters
        self._starts = token_starts(document.text, [block.start for block in document.blocks])
        self._forced: set[int] = set()
        self.items: list[Atom] = []
        for index, block in enumerate(document.blocks):
            self._add(index, block, document)

    def count(self, start: int, end: int) -> int:
        """Word pieces that begin in a span: exact where it is cut between words."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def exact(self, start: int, end: int) -> int:
        """Word pieces of a span cut anywhere."""
        if start in self._forced or end in self._forced:
            return count_tokens(self._text[start:end])
        return self.count(start, end)

    def is_forced(self, position: int) -> bool:
        """Whether a word had to be cut here; what lies on both sides is then never put together again."""
        return position in self._forced

    def _add(self, index: int, block: Block, document: ParsedDocument) -> None:
        for number, (start, end) in enumerate(self._pieces(block)):
            for begin, stop in self._fitting(start, end):
                atom = Atom(begin, stop, self.exact(begin, stop), index, index)
                if number == 0 and begin == start and self._continues(atom, document):
                    self._glue(atom)
                else:
                    self.items.append(atom)

    def _pieces(self, block: Block) -> list[tuple[int, int]]:
        """Sentences, lines of code, or a table row as a whole."""
        if block.kind in ("table_row", "heading") and self._fits(block.start, block.end):
            return [(block.start, block.end)]
        if block.kind == "code":
            return [
                (block.start + found.start(), block.start + found.end())
                for found in _LINE.finditer(self._text[block.start : block.end])
                if found[0].strip()
            ]
        body = self._text[block.start : block.end]
        return [(block.start + start, block.start + end) for start, end in sentence_spans(body)]

    def _fits(self, start: int, end: int) -> bool:
        return end - start <= self._max_characters and self.exact(start, end) <= self._max_tokens

    def _fitting(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The piece itself, or parts of it that fit: cut after clauses, else between words, else anywhere."""
        while not self._fits(start, end):
            cut = self._last_cut(start, end)
            yield start, _trim(self._text, start, cut)
            start = cut
            while start < end and self._text[start].isspace():
                start += 1
        if start < end:
            yield start, end

    def _last_cut(self, start: int, end: int) -> int:
        """The best place to cut at most `max_tokens` after `start`."""
        first = bisect_left(self._starts, start)
        over = first + self._max_tokens
        furthest = self._starts[over] if over < len(self._starts) else end
        furthest = min(furthest, start + self._max_characters, end)
        middle = start + (furthest - start) // 2
        clause = None
        for found in _CLAUSE.finditer(self._text, middle, furthest):
            clause = found.end()
        if clause and start < clause <= furthest:
            return clause
        space = max(self._text.rfind(" ", start + 1, furthest), self._text.rfind("\n", start + 1, furthest))
        if space > start:
            return space + 1
        return self._forced_cut(start, furthest)

    def _forced_cut(self, start: int, furthest: int) -> int:
        """Cuts inside of a word: both halves are new words, so the counts are taken anew."""
        cut = max(furthest, start + 1)
        while cut - start > 1 and count_tokens(self._text[start:cut]) > self._max_tokens:
            cut = start + (cut - start) // 2
        self._forced.add(cut)
        return cut

    def _continues(self, atom: Atom, document: ParsedDocument) -> bool:
        """Whether the atom goes on with the sentence that the page before broke off."""
        if not self.items or document.unit_kind != "page":
            return False
        before = self.items[-1]
        left, right = document.blocks[before.last], document.blocks[atom.first]
        if left.unit == right.unit or left.kind not in _FLOWING or right.kind != "paragraph":
            return False
        ending = self._text[before.start : before.end]
        if _TERMINAL.search(ending[-8:]) or not _LETTER.search(ending):
            return False
        letter = _LETTER.search(self._text, atom.start, min(atom.start + 3, atom.end))
        starts_small = letter is not None and not letter[0].isupper()
        fits = (
            before.tokens + atom.tokens <= self._max_tokens
            and atom.end - before.start <= self._max_characters
        )
        return starts_small and fits

    def _glue(self, atom: Atom) -> None:
        before = self.items[-1]
        before.end, before.last = atom.end, atom.last
        before.tokens += atom.tokens


def _trim(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
