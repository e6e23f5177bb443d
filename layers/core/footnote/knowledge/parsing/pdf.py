"""PDF: text by page, in paragraphs, with headings; PDFium reads, pypdf helps where PDFium cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.attachments import add_attachment
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.errors import Broken, Empty, Encrypted, Oversized, Scanned
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.pdf_fallback import PypdfPages
from footnote.knowledge.parsing.pdf_headings import (
    guess_title,
    heading_levels,
    merge_large,
    read_bookmarks,
)
from footnote.knowledge.parsing.pdf_layout import (
    BULLET,
    Paragraph,
    drop_running_lines,
    join,
    paragraphs,
    spaces_are_written,
    vocabulary,
)
from footnote.knowledge.parsing.pdf_lines import PageText
from footnote.knowledge.parsing.pdf_pages import PageContent, read_page
from footnote.knowledge.parsing.source import Source

_MAX_ATTACHMENTS = 50
_MAX_NAMED_PAGES = 20
_STRANGE = 0.2  # share of characters without meaning beyond which a page is not read
_MADE_TITLE = re.compile(
    r"\.(?:docx?|dotx?|pptx?|xlsx?|tex|indd|qxd|pdf|rtf|odt)$|^(?:microsoft|untitled|slide \d)", re.IGNORECASE
)


def parse(source: Source) -> ParsedDocument:
    """Reads a PDF; errors as in `parsing.parse`."""
    try:
        document = pypdfium2.PdfDocument(source.data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Encrypted(
                "The PDF is protected with a password. Save a copy without the password and upload that."
            ) from error
        return _parse_damaged(source)
    try:
        return _parse(source, document)
    finally:
        document.close()


def _parse(source: Source, document: Any) -> ParsedDocument:
    total = len(document)
    _check_pages(total, source)
    contents = _read_pages(source, document, total)
    builder = DocumentBuilder(source.limits.max_characters, "page")
    _check_readable(builder, contents)
    pages = [content.text for content in contents]
    drop_running_lines(pages)
    items = _paragraphs(pages)
    levels = heading_levels(items, read_bookmarks(document))
    _add(builder, items, levels, contents)
    builder.hidden(sum(page.outside for page in pages), "outside of the page or too small to be seen")
    _add_attachments(builder, source, document)
    builder.units_total = total
    return builder.finish(
        _title(document.get_metadata_value("Title")) or guess_title(items, levels) or stem(source.filename)
    )


def _parse_damaged(source: Source) -> ParsedDocument:
    """What PDFium does not open, pypdf may: it looks for the objects itself."""
    pages = PypdfPages(source)
    _check_pages(len(pages), source)
    builder = DocumentBuilder(source.limits.max_characters, "page")
    for number in range(1, len(pages) + 1):
        builder.unit(number, keep_headings=True)
        for paragraph in pages.paragraphs(number):
            builder.add(paragraph)
    builder.units_total = len(pages)
    if not builder.blocks:
        raise Broken("The PDF is damaged: no text can be found in it.")
    builder.warn("The file is damaged; its text was recovered as far as possible.")
    return builder.finish(_title(pages.title) or stem(source.filename))


def _check_pages(total: int, source: Source) -> None:
    if total == 0:
        raise Empty("The PDF has no pages.")
    if total > source.limits.max_pages:
        raise Oversized(f"The PDF has {total:,} pages; {source.limits.max_pages:,} are allowed. Split it.")


def _read_pages(source: Source, document: Any, total: int) -> list[PageContent]:
    fallback: PypdfPages | None = None
    contents = []
    for index in range(total):
        content = read_page(document, index)
        if content.text.strange > _STRANGE:
            fallback = fallback or PypdfPages(source)
            content.text = fallback.better(index + 1, content.text)
        contents.append(content)
    return contents


def _check_readable(builder: DocumentBuilder, contents: Sequence[PageContent]) -> None:
    """Ends where there is no text at all; names the pages that have none where others do.

    Raises:
        Scanned: All pages are pictures, or their fonts do not say which letters they show.
        Empty: All pages are blank.
    """
    coded = [n for n, content in enumerate(contents, start=1) if content.text.strange > _STRANGE]
    for number in coded:
        contents[number - 1].text.lines.clear()
    pictures = [n for n, content in enumerate(contents, start=1) if content.is_picture and n not in coded]
    readable = [content for content in contents if content.text.lines and not content.is_picture]
    if not readable:
        if coded:
            raise Scanned(
                "The fonts of the PDF do not tell which letters they show. Use text recognition (OCR)."
            )
        if pictures:
            raise Scanned(
                f"The PDF holds pictures of text only ({_named(pictures)}), no text that could be read. "
                "Use text recognition (OCR) and upload the result."
            )
        if not any(content.text.lines for content in contents):
            raise Empty("The pages of the PDF are blank.")
    if pictures:
        builder.warn(f"Without readable text, perhaps scanned: {_named(pictures)}.")
    if coded:
        builder.warn(f"Not read, as the fonts do not tell which letters they show: {_named(coded)}.")


def _paragraphs(pages: Sequence[PageText]) -> list[Paragraph]:
    words = vocabulary(pages)
    korean_spaces = spaces_are_written(pages)
    items = [item for number, page in enumerate(pages, start=1) for item in paragraphs(page, number)]
    for item in items:
        text = item.text or join(item.lines, words, korean_spaces=korean_spaces)
        item.text = one_line(clean(text)[0])
    return merge_large(items)


def _add(
    builder: DocumentBuilder,
    items: Sequence[Paragraph],
    levels: dict[int, int],
    contents: Sequence[PageContent],
) -> None:
    page = 0

    def finish_page(upto: int) -> None:
        """Adds the notes of the pages before `upto` and starts it."""
        nonlocal page
        while page < upto:
            if page:
                for note in contents[page - 1].notes:
                    builder.add(note, "note")
            page += 1
            if page <= len(contents):
                builder.unit(page, contents[page - 1].label, keep_headings=True)

    for index, item in enumerate(items):
        finish_page(item.page)
        if index in levels:
            builder.heading(item.text, levels[index])
        else:
            builder.add(BULLET.sub("", item.text), item.kind)
    finish_page(len(contents) + 1)


def _add_attachments(builder: DocumentBuilder, source: Source, document: Any) -> None:
    count = document.count_attachments()
    if count > _MAX_ATTACHMENTS:
        builder.warn(f"Only the first {_MAX_ATTACHMENTS} of {count} attachments were looked at.")
    for index in range(min(count, _MAX_ATTACHMENTS)):
        attachment = document.get_attachment(index)
        name = one_line(clean(attachment.get_name() or "")[0])
        try:
            data = bytes(attachment.get_data())
        except pypdfium2.PdfiumError:
            builder.warn(f"The attachment “{name}” is damaged.")
            continue
        builder.no_unit()
        add_attachment(builder, replace(source, data=data, filename=name))


def _title(raw: str | None) -> str:
    """The title in the document's properties, unless a program made it up."""
    title = one_line(clean(raw or "")[0])
    return "" if len(title) < 4 or _MADE_TITLE.search(title) or " " not in title else title


def _named(pages: Sequence[int]) -> str:
    """`page 3`, `pages 1-4, 7`."""
    ranges: list[list[int]] = []
    for number in pages:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in ranges[:_MAX_NAMED_PAGES]]
    more = ", …" if len(ranges) > _MAX_NAMED_PAGES else ""
    return f"{'page' if len(pages) == 1 else 'pages'} {', '.join(words)}{more}"
