"""Fonts that do not say which letters their glyphs are.

PDFium then gives the glyph's number for the letter. Many programs keep the order of TrueType's standard
glyphs, in which a letter's number is its ASCII code less 29: such text can be had back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pypdfium2.raw as pdfium

from footnote.knowledge.language import UNDETERMINED, detect_language

_SAMPLE = 400  # characters of a page that are asked about
_UNMAPPED = 0.5  # share of them that makes the page suspicious
_SHIFT = 29  # glyph 3 is the space, glyph 36 is the letter A
_LAST_GLYPH = 126 - _SHIFT


def is_unmapped(textpage: Any, count: int) -> bool:
    """Whether most characters of a page are glyph numbers rather than letters."""
    step = max(1, count // _SAMPLE)
    asked = range(0, count, step)
    wrong = sum(pdfium.FPDFText_HasUnicodeMapError(textpage.raw, index) == 1 for index in asked)
    return bool(wrong > _UNMAPPED * len(asked))


def shifted(texts: Sequence[str]) -> list[str] | None:
    """The texts, glyph numbers turned into letters unless they read well as they are.

    `None` if they make no sense either way.
    """
    if detect_language("\n".join(texts)) != UNDETERMINED:
        return list(texts)
    turned = ["".join(_letter(character) for character in text) for text in texts]
    return turned if detect_language("\n".join(turned)) != UNDETERMINED else None


def _letter(character: str) -> str:
    code = ord(character)
    return chr(code + _SHIFT) if 3 <= code <= _LAST_GLYPH else character
