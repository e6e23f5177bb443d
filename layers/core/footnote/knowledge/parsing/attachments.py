"""Documents inside documents: those of a readable format become sections, the others are named."""

from __future__ import annotations

from dataclasses import replace

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.dispatch import parse_source
from footnote.knowledge.parsing.errors import Unreadable, Unsupported
from footnote.knowledge.parsing.formats import BY_MEDIA_TYPE, Format, format_of
from footnote.knowledge.parsing.source import Source


def add_attachment(builder: DocumentBuilder, source: Source, media_type: str = "") -> None:
    """Reads `source` as a section of the document under construction.

    What cannot be read does not spoil the rest: it becomes a warning that says why.
    """
    name = source.filename or "unnamed"
    if source.depth > 0:
        builder.warn(f"The attachment “{name}” of an attachment was not read.")
        return
    try:
        parsed = parse_source(
            replace(source, format=_format(source.filename, media_type), depth=source.depth + 1)
        )
    except Unreadable as error:
        builder.warn(f"The attachment “{name}” was not read: {error.reason}")
        return
    builder.reset_headings()
    builder.heading(name, 1)
    base = builder.path
    for block in parsed.blocks:
        builder.reset_headings(base + block.heading_path)
        builder.add(
            parsed.text[block.start : block.end], block.kind, "code" if block.kind == "code" else "lines"
        )
    builder.reset_headings()
    builder.removed += parsed.removed_characters
    for warning in parsed.warnings:
        builder.warn(f"{name}: {warning}")


def _format(filename: str, media_type: str) -> Format:
    try:
        return format_of(filename)
    except Unsupported:
        if media_type in BY_MEDIA_TYPE:
            return BY_MEDIA_TYPE[media_type]
        raise
