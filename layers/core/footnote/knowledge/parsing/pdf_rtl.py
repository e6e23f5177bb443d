"""Right-to-left lines of PDF pages in the order in which they are read.

PDF files place glyphs; the order of their codes is the writer's affair, ligatures stand for several letters
and spaces may be missing. So such a line is put together again from where its glyphs stand: from right to
left, with the words of left-to-right scripts and numbers turned round.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LTR = re.compile("[A-Za-z0-9\u00c0-\u024f\u0370-\u052f\u0660-\u0669\u06f0-\u06f9]")
# Writers put the space after a foreign word into that word's own run, where it ends up on the wrong side.
_LATIN_BEFORE_RTL = re.compile("([A-Za-z]{2})(?=[\u0590-\u08ff])")
_MIRRORED = str.maketrans("()[]{}«»‹›<>", ")(][}{»«›‹><")
_SPACE_GAP = 0.2  # of the line's height: a wider gap between two glyphs is a space
_SAME_PLACE = 0.05  # points


@dataclass(slots=True)
class _Glyph:
    """Characters that one glyph stands for, and where it stands."""

    text: str
    left: float
    right: float
    unmapped: bool


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a line are of a right-to-left script."""
    right = len(_RTL.findall(text))
    return right > 0 and right * 2 >= sum(1 for character in text if character.isalpha())


def logical_order(textpage: Any, text: str, first: int) -> str:
    """The line that begins at character `first`, in reading order."""
    glyphs = _glyphs(textpage, text, first)
    if not glyphs:
        return text
    glyphs.sort(key=lambda glyph: -glyph.right)
    height = _height(textpage, first)
    pieces: list[str] = []
    before: _Glyph | None = None
    for glyph in glyphs:
        if before is not None and before.left - glyph.right > _SPACE_GAP * height:
            pieces.append(" ")
        pieces.append(glyph.text)
        before = glyph
    return _LATIN_BEFORE_RTL.sub(r"\1 ", _turn_left_to_right(pieces).strip())


def _glyphs(textpage: Any, text: str, first: int) -> list[_Glyph]:
    """Glyphs of a line; characters at the same place come from one glyph, in reverse."""
    glyphs: list[_Glyph] = []
    place: tuple[float, float] | None = None
    x, y = ctypes.c_double(), ctypes.c_double()
    for offset, character in enumerate(text):
        index = first + offset
        if pdfium.FPDFText_IsGenerated(textpage.raw, index) == 1:
            continue
        if not pdfium.FPDFText_GetCharOrigin(textpage.raw, index, x, y):
            continue
        here = (x.value, y.value)
        if (
            place is not None
            and abs(here[0] - place[0]) < _SAME_PLACE
            and abs(here[1] - place[1]) < _SAME_PLACE
        ):
            glyphs[-1].text = character + glyphs[-1].text
            continue
        place = here
        box = pdfium.FS_RECTF()
        pdfium.FPDFText_GetLooseCharBox(textpage.raw, index, box)
        unmapped = pdfium.FPDFText_HasUnicodeMapError(textpage.raw, index) == 1
        glyphs.append(_Glyph(character, box.left, box.right, unmapped))
    mapped = [glyph for glyph in glyphs if not glyph.unmapped]
    return mapped if any(_RTL.search(glyph.text) for glyph in mapped) else glyphs


def _height(textpage: Any, index: int) -> float:
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(textpage.raw, index, box)
    return max(1.0, float(box.top - box.bottom))


def _turn_left_to_right(pieces: list[str]) -> str:
    """Turns runs of left-to-right letters and numbers, and what stands between, back into order."""
    result: list[str] = []
    run: list[str] = []
    neutral: list[str] = []

    def end_run() -> None:
        result.extend(reversed(run))
        result.extend(piece.translate(_MIRRORED) for piece in neutral)
        run.clear()
        neutral.clear()

    for piece in pieces:
        if _LTR.search(piece):
            run.extend(neutral)
            neutral.clear()
            run.append(piece)
        elif run and not _RTL.search(piece) and not _is_mark(piece):
            neutral.append(piece)
        else:
            end_run()
            result.append(piece if _RTL.search(piece) else piece.translate(_MIRRORED))
    end_run()
    return "".join(result)


def _is_mark(piece: str) -> bool:
    return all(unicodedata.category(character) == "Mn" for character in piece)
