"""One page of a PDF: its text with filled form fields, its comments, and whether it is but a picture."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from footnote.knowledge.parsing.pdf_lines import PageText, read_lines

_MAX_ANNOTATIONS = 2_000
_MAX_OBJECTS = 5_000
_DRAWN = frozenset({pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP})
_COMMENTED = frozenset(
    {
        pdfium.FPDF_ANNOT_TEXT,
        pdfium.FPDF_ANNOT_HIGHLIGHT,
        pdfium.FPDF_ANNOT_UNDERLINE,
        pdfium.FPDF_ANNOT_STRIKEOUT,
        pdfium.FPDF_ANNOT_SQUIGGLY,
        pdfium.FPDF_ANNOT_CARET,
    }
)
_STAMP = 60  # characters: fewer over a picture of the whole page are a stamp on a scan
_WHOLE = 0.6  # of the page's area


@dataclass(slots=True)
class PageContent:
    """What a page holds.

    Attributes:
        is_picture: Whether it shows something, but hardly any text.
        notes: Comments that readers left on it.
        label: The number printed on it, where it differs from its place (`iv`, `A-3`).
    """

    text: PageText
    is_picture: bool = False
    notes: list[str] = field(default_factory=list)
    label: str | None = None


def read_page(document: Any, index: int) -> PageContent:
    """Reads page `index` (from 0); a damaged page is an empty one."""
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        return PageContent(PageText([], 0.0, 0.0), is_picture=True)
    drawn, notes = _annotations(page)
    if drawn and pdfium.FPDFPage_Flatten(page.raw, pdfium.FLAT_NORMALDISPLAY) == pdfium.FLATTEN_SUCCESS:
        page.close()
        page = document[index]
    textpage = page.get_textpage()
    text = read_lines(page, textpage)
    content = PageContent(text, _is_picture(page, text), notes, _label(document, index))
    textpage.close()
    page.close()
    return content


def _annotations(page: Any) -> tuple[bool, list[str]]:
    """Whether annotations are drawn on the page as text, and what the comments say."""
    drawn = False
    notes: list[str] = []
    count = min(pdfium.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)
    for index in range(count):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        kind = pdfium.FPDFAnnot_GetSubtype(annotation)
        drawn = drawn or kind in _DRAWN
        if kind in _COMMENTED:
            text, author = _string(annotation, b"Contents").strip(), _string(annotation, b"T").strip()
            if text:
                notes.append(f"Comment by {author}: {text}" if author else f"Comment: {text}")
        pdfium.FPDFPage_CloseAnnot(annotation)
    return drawn, notes


def _string(annotation: Any, key: bytes) -> str:
    size = pdfium.FPDFAnnot_GetStringValue(annotation, key, None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    pdfium.FPDFAnnot_GetStringValue(annotation, key, buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def _is_picture(page: Any, text: PageText) -> bool:
    """No text though something is drawn, or a few words over a picture of the whole page."""
    characters = sum(len(line.text) for line in text.lines)
    if characters >= _STAMP:
        return False
    count = pdfium.FPDFPage_CountObjects(page.raw)
    if characters == 0:
        return bool(count > 0)
    area = text.width * text.height
    for index in range(min(count, _MAX_OBJECTS)):
        entry = pdfium.FPDFPage_GetObject(page.raw, index)
        if pdfium.FPDFPageObj_GetType(entry) == pdfium.FPDF_PAGEOBJ_IMAGE and _area(entry) >= _WHOLE * area:
            return True
    return False


def _area(entry: Any) -> float:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not pdfium.FPDFPageObj_GetBounds(entry, left, bottom, right, top):
        return 0.0
    return abs(right.value - left.value) * abs(top.value - bottom.value)


def _label(document: Any, index: int) -> str | None:
    label = document.get_page_label(index)
    return label if label and label != str(index + 1) else None
