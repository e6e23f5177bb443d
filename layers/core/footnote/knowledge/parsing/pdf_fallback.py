"""pypdf, for files that PDFium does not open and fonts that it cannot decode."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

import pypdf
from pypdf.errors import LimitReachedError, PyPdfError

from footnote.knowledge.parsing.errors import ArchiveBomb, Broken, Encrypted
from footnote.knowledge.parsing.pdf_lines import Line, PageText
from footnote.knowledge.parsing.source import Source

_STRANGE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")
_CODES = re.compile(r"/(?:g|G|C|cid|uni)\d+|\(cid:\d+\)")
_SENTENCE_END = re.compile(r"[.!?:;。！？؟۔।][\"'”’»)\]]*$")
_SHORT = 0.7
# What pypdf raises on files that are not what they claim; its own errors and those of its arithmetic.
_DAMAGED = (PyPdfError, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError,
            NotImplementedError, OSError, RecursionError)  # fmt: skip
_SIZE = 10.0


class PypdfPages:
    """The pages of a file as pypdf reads them.

    Raises:
        Broken: pypdf cannot read it either.
        Encrypted: It needs a password.
        ArchiveBomb: Its streams expand beyond pypdf's limits.
    """

    def __init__(self, source: Source) -> None:
        logging.getLogger("pypdf").setLevel(logging.CRITICAL)
        try:
            self._reader = pypdf.PdfReader(io.BytesIO(source.data), strict=False)
            if self._reader.is_encrypted and not self._reader.decrypt(""):
                raise Encrypted(
                    "The PDF is protected with a password. Save a copy without it and upload that."
                )
            self._count = len(self._reader.pages)
        except LimitReachedError as error:
            raise _bomb() from error
        except _DAMAGED as error:
            raise Broken("The PDF is damaged or incomplete and cannot be read.") from error

    def __len__(self) -> int:
        return self._count

    @property
    def title(self) -> str:
        """The title in the document's properties, or an empty string."""
        try:
            metadata = self._reader.metadata
            return str(metadata.get("/Title") or "") if metadata else ""
        except _DAMAGED:
            return ""

    def paragraphs(self, number: int) -> list[str]:
        """Paragraphs of page `number` (from 1); none if it is damaged."""
        paragraphs: list[list[str]] = []
        lines = self._lines(number)
        longest = max(map(len, lines), default=0)
        for line in lines:
            fresh = not paragraphs or not line
            if paragraphs and paragraphs[-1]:
                last = paragraphs[-1][-1]
                fresh = fresh or (len(last) < longest * _SHORT and bool(_SENTENCE_END.search(last)))
            if fresh:
                paragraphs.append([])
            if line:
                paragraphs[-1].append(line)
        return [" ".join(lines) for lines in paragraphs if lines]

    def better(self, number: int, text: PageText) -> PageText:
        """The page as pypdf reads it if that is more readable, else `text`."""
        lines = self._lines(number)
        whole = "".join(lines)
        strange = len(_STRANGE.findall(whole)) + sum(map(len, _CODES.findall(whole)))
        share = strange / max(1, len(whole))
        if not whole.strip() or share >= text.strange:
            return text
        height = text.height
        rows = [
            Line(line, 0.0, height - row * _SIZE * 1.2, 1.0, height - row * _SIZE * 1.2 + _SIZE, _SIZE)
            for row, line in enumerate(lines, start=1)
            if line
        ]
        return PageText(rows, text.width, height, share, text.outside)

    def _lines(self, number: int) -> list[str]:
        try:
            page: Any = self._reader.pages[number - 1]
            return [line.strip() for line in page.extract_text().split("\n")]
        except LimitReachedError as error:
            raise _bomb() from error
        except _DAMAGED:
            return []


def _bomb() -> ArchiveBomb:
    return ArchiveBomb("The PDF expands beyond all measure and is treated as an attack.")
