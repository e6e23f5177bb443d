"""CSV and TSV: encoding and dialect are detected, every row repeats the names of its columns."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.encoding import decode
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.tables import column_names, looks_like_header, render_row

_SAMPLE_LINES = 50
_DELIMITERS = ",;\t|"
_HEADER_SAMPLE = 20


def parse(source: Source) -> ParsedDocument:
    """Reads a table of values; errors as in `parsing.parse`."""
    text, removed = clean(decode(source.data))
    builder = DocumentBuilder(source.limits.max_characters)
    builder.removed = removed
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    delimiter = _delimiter(text, ".tsv" if source.filename.lower().endswith(".tsv") else "")
    if text.startswith("sep=") and "\n" in text:  # Excel's own hint line
        text = text.split("\n", 1)[1]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    head = [row for row, _ in zip(reader, range(_HEADER_SAMPLE), strict=False)]
    head = [[one_line(cell) for cell in row] for row in head]
    filled = [row for row in head if any(row)]
    caption = []
    while (
        len(filled) > 2
        and sum(map(bool, filled[0])) == 1
        and sum(map(bool, filled[1])) >= 1
        and len(filled[-1]) > 1
    ):
        caption.append(" ".join(filled.pop(0)).strip())
    for line in caption:
        builder.add(line)
    named = looks_like_header(filled)
    names = column_names(filled[:1]) if named else ()
    for row in filled[1:] if named else filled:
        builder.add(render_row(names, row), "table_row")
    for row in reader:
        builder.add(render_row(names, [one_line(cell) for cell in row]), "table_row")
    return builder.finish(stem(source.filename))


def _delimiter(text: str, ending: str) -> str:
    """The delimiter that splits the first lines into the same number of cells most steadily."""
    first = text.split("\n", 1)[0]
    if first.startswith("sep=") and len(first.strip()) == 5:
        return first.strip()[-1]
    if ending == ".tsv":
        return "\t"
    lines = text[: 64 * 1024].split("\n")[:_SAMPLE_LINES]
    sample = "\n".join(line[:4096] for line in lines)
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
        widths = Counter(len(row) for row in rows)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if width < 2:
            continue
        score = count / max(1, len(rows)) + min(width, 50) / 1000
        if score > best_score:
            best, best_score = delimiter, score
    return best
