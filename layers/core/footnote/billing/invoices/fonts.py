"""Fonts of the page, and text that they can show.

Bitstream Vera comes with reportlab and is embedded. Greek, Cyrillic and the scripts of East Asia,
which it lacks, are shown in fonts that PDF viewers bring along; any other character that it lacks becomes a
box, and nothing fails.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR = "Vera"
BOLD = "VeraBd"
_UNKNOWN = "\u25a1"
_KANA = (0x3040, 0x30FF)
_HANGUL = (0xAC00, 0xD7AF)
# Greek, Cyrillic, Han and full width: Adobe's collection of GB 2312 has them all.
_GB = ((0x0391, 0x03C9), (0x0401, 0x0451), (0x2E80, 0x303F), (0x3400, 0x9FFF), (0xFF00, 0xFFEF))
_CID = ("HeiseiMin-W3", "HYSMyeongJo-Medium", "STSong-Light")


@lru_cache(maxsize=1)
def register_fonts() -> frozenset[int]:
    """Makes the fonts known to reportlab; the characters of Vera."""
    regular = TTFont(REGULAR, "Vera.ttf")
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(TTFont(BOLD, "VeraBd.ttf"))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
    for name in _CID:
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return frozenset(regular.face.charToGlyph)


def markup(text: str) -> str:
    """The text for a paragraph, each run in a font that has it."""
    runs = ((font, "".join(run)) for font, run in groupby(text, key=_font_of))
    return "".join(_run(font, run) for font, run in runs)


def _run(font: str | None, run: str) -> str:
    if font is None:
        return escape(run)
    return f'<font name="{font}">{escape(run)}</font>' if font else _UNKNOWN * len(run)


def _font_of(character: str) -> str | None:
    """`None`: the paragraph's own; empty: there is none."""
    code = ord(character)
    if code in register_fonts():
        return None
    if _KANA[0] <= code <= _KANA[1]:
        return _CID[0]
    if _HANGUL[0] <= code <= _HANGUL[1]:
        return _CID[1]
    return _CID[2] if any(first <= code <= last for first, last in _GB) else ""
