"""Fonts of the page, and text that they can show.

Latin, Greek and Cyrillic letters are embedded from parts of DejaVu Sans (`typefaces`). The scripts of East
Asia are shown in fonts that PDF viewers bring along; any other character becomes a box, and nothing fails.
The parts were cut out of version 2.37 by fonttools, for both files with the same characters:

    pyftsubset DejaVuSans.ttf --no-hinting --layout-features= --drop-tables+=GPOS,GSUB,GDEF,kern,FFTM
        --name-IDs=0,1,2,3,4,5,6,13,14 --unicodes=U+0020-007E,U+00A0-024F,U+02B0-052F,U+1E00-206F,
        U+2070-209F,U+20A0-20BF,U+2100-214F,U+2150-2189,U+2190-2199,U+2200-222A,U+2260-2265,U+25A1,
        U+FB00-FB06
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont

REGULAR = "DejaVuSans"
BOLD = "DejaVuSans-Bold"
_TYPEFACES = Path(__file__).parent / "typefaces"
_UNKNOWN = "\u25a1"
_KANA = (0x3040, 0x30FF)
_HANGUL = (0xAC00, 0xD7AF)
# Han and full width: Adobe's collection of GB 2312 has both.
_GB = ((0x2E80, 0x303F), (0x3400, 0x9FFF), (0xFF00, 0xFFEF))
_CID = ("HeiseiMin-W3", "HYSMyeongJo-Medium", "STSong-Light")


@lru_cache(maxsize=1)
def register_fonts() -> frozenset[int]:
    """Makes the fonts known to reportlab; the characters that are embedded."""
    regular = TTFont(REGULAR, str(_TYPEFACES / f"{REGULAR}.ttf"))
    pdfmetrics.registerFont(regular)
    pdfmetrics.registerFont(TTFont(BOLD, str(_TYPEFACES / f"{BOLD}.ttf")))
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
