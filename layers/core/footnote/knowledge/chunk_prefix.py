"""What a chunk's text stands under: title, sheet and headings, put before it for the embedding model."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.knowledge.models import Block, ParsedDocument
from footnote.knowledge.tokens import count_tokens

_MAX_CACHE = 10_000


class Prefix:
    """Prefixes for the chunks of one document.

    Args:
        document: Its title and kind of units are used.
        max_tokens: Most word pieces of prefix and text together.
    """

    def __init__(self, document: ParsedDocument, max_tokens: int) -> None:
        self._title = document.title
        self._names_units = document.unit_kind == "sheet"
        self._max_tokens = max_tokens
        self._counts: dict[str, int] = {}
        self.title_tokens = count_tokens(document.title)

    def path(self, blocks: Sequence[Block]) -> tuple[str, ...]:
        """The headings that all of the chunk's text stands under, those within the chunk included."""
        bodies = [block.heading_path for block in blocks if block.kind != "heading"]
        return _common(bodies or [block.heading_path for block in blocks])

    def of(self, blocks: Sequence[Block], text: str, tokens: int) -> tuple[str, int]:
        """The longest prefix that leaves the text whole, and its word pieces.

        Headings that the text itself holds are not said twice; what does not fit is left out, outer headings
        before inner ones, the title last.
        """
        room = self._max_tokens - tokens
        path = [name for name in _common([block.heading_path for block in blocks]) if name != self._title]
        title = "" if text.startswith(self._title) else self._title
        label = blocks[0].unit_label if self._names_units else None
        if label and label not in path:
            path.insert(0, label)
        for keep in range(len(path), -1, -1):
            head = _render(title, path[len(path) - keep :])
            size = self._count(head)
            if size <= room:
                return head, size
        return self._shortened(title, room)

    def _shortened(self, title: str, room: int) -> tuple[str, int]:
        words = title.split()
        while words:
            words.pop()
            head = _render(" ".join(words), [])
            size = self._count(head)
            if size <= room:
                return head, size
        return "", 0

    def _count(self, head: str) -> int:
        if head not in self._counts:
            if len(self._counts) > _MAX_CACHE:
                self._counts.clear()
            self._counts[head] = count_tokens(head)
        return self._counts[head]


def _render(title: str, path: Sequence[str]) -> str:
    lines = [line for line in (title, " > ".join(path)) if line]
    return "".join(f"{line}\n" for line in lines)


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The longest beginning that all paths share."""
    if not paths:
        return ()
    shortest, longest = min(paths), max(paths)
    for index, name in enumerate(shortest):
        if index >= len(longest) or longest[index] != name:
            return shortest[:index]
    return shortest
