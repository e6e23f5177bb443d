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
_SLACK = 1.15  # by which a part may exceed its share to end at a clause
_FLOWING = frozenset({"paragraph", "list_item"})
# Characters that are words of their own to the tokenizer: beside them a text can be cut without harm.
_STANDALONE_RANGES = "!-/:-@[-`{-~\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
_STANDALONE = re.compile(f"[{_STANDALONE_RANGES}]")
_WORD_END = re.compile(rf"[\s{_STANDALONE_RANGES}]")
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
        self._exact: dict[tuple[int, int], int] = {}
        self.items: list[Atom] = []
        for index, block in enumerate(document.blocks):
            self._add(index, block, document)

    def count(self, start: int, end: int) -> int:
        """Word pieces that begin in a span: exact where it is cut between words."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def exact(self, start: int, end: int) -> int:
        """Word pieces of a span cut anywhere."""
        if start not in self._forced and end not in self._forced:
            return self.count(start, end)
        if (start, end) not in self._exact:
            self._exact[start, end] = count_tokens(self._text[start:end])
        return self._exact[start, end]

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
        furthest = min(end, start + self._max_characters)
        begin, head = start, 0
        if start in self._forced:
            # The rest of a cut word is a new word, whose pieces are not among those of the whole text.
            found = _WORD_END.search(self._text, start, furthest)
            begin = found.start() if found else furthest
            head = count_tokens(self._text[start:begin])
            if head > self._max_tokens or begin == furthest:
                return self._forced_cut(start, begin)
        over = bisect_left(self._starts, begin) + max(self._share(begin, end) - head, 0)
        if over < len(self._starts):
            furthest = min(furthest, max(self._starts[over], begin))
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

    def _share(self, start: int, end: int) -> int:
        """Word pieces of the next part, so that the last one is not left with a few words."""
        left = self.count(start, end)
        parts = -(-left // self._max_tokens)
        return min(self._max_tokens, int(left / max(1, parts) * _SLACK) + 1)

    def _forced_cut(self, start: int, furthest: int) -> int:
        """Cuts inside of a word: both halves are new words, so the counts are taken anew."""
        cut = max(furthest, start + 1)
        if _STANDALONE.match(self._text, cut - 1) or _STANDALONE.match(self._text, cut):
            return cut
        self._forced.add(cut)
        while cut - start > 1 and self.exact(start, cut) > self._max_tokens:
            self._forced.discard(cut)
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
