"""Bombs, torn files, random damage: the parent lives, memory is bounded, the end is a result or a reason."""

import io
import os
import random
import zipfile

import psutil
import pytest

from footnote.knowledge.chunking import chunk
from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing import Sandbox, Unreadable, errors
from footnote.platform.settings import IngestionSettings
from tests.support.documents import (
    archive,
    docx,
    paragraph,
    pdf,
    pptx,
    rows,
    shape,
    sheet_xml,
    slide_xml,
    wrapped,
    xlsx,
)

LIMITS = IngestionSettings(parser_wall_s=10, parser_cpu_s=10, parser_memory_bytes=768 * 1024 * 1024)


@pytest.fixture(scope="module")
def sandbox():
    box = Sandbox()
    yield box
    box.close()


def outcome(box, data, name):
    """The document, or the error that says why there is none; anything else is a failure of the test."""
    try:
        return box.parse_blocking(data, name, LIMITS)
    except Unreadable as error:
        return error


def flate_bomb():
    """A PDF whose stream, compressed twice, grows to a gigabyte."""
    import zlib

    once = zlib.compress(b"\0" * 1_000_000_000, 9)
    twice = zlib.compress(once, 9)
    good = pdf([[(72, 700, 11, "x")]])
    at = good.index(b"<</Length")
    end = good.index(b"endstream")
    return (
        good[:at]
        + b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n" % len(twice)
        + twice
        + good[end:]
    )


def many_entries(count):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(count):
            file.writestr(f"word/{number}.xml", b"")
    return stream.getvalue()


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><l>&j;</l>"
)
BOMBS = {
    "ratio.docx": (lambda: archive({"word/document.xml": b"<a>" + b" " * 300_000_000}), errors.ArchiveBomb),
    "entries.docx": (lambda: many_entries(100_000), errors.ArchiveBomb),
    "laughs.docx": (lambda: archive({"word/document.xml": LAUGHS}), errors.UnsafeXml),
    "laughs.xlsx": (lambda: archive({"xl/workbook.xml": LAUGHS}), errors.UnsafeXml),
    "nested.docx": (
        lambda: docx(paragraph("x"), parts={"more.zip": archive({"a": "b"})}),
        errors.UnsafeArchive,
    ),
    "climber.pptx": (lambda: archive({"ppt/presentation.xml": "", "../../evil": ""}), errors.UnsafeArchive),
    "torn.docx": (lambda: docx(paragraph("words " * 500))[:700], errors.Broken),
    "torn.pdf": (lambda: pdf([wrapped("words " * 500)])[:300], errors.Broken),
    "deep.html": (lambda: b"<div>" * 300_000, errors.Broken),
    "empty.xlsx": (lambda: b"", errors.Empty),
    "picture.pdf": (lambda: b"\x89PNG\r\n\x1a\n" + os.urandom(100), errors.Mistyped),
    "random.pdf": (lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(50_000), errors.Broken),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_in_their_reason(sandbox, name):
    make, kind = BOMBS[name]
    assert isinstance(outcome(sandbox, make(), name), kind)
    assert outcome(sandbox, b"Still here.", "a.txt").text == "Still here."


def test_a_stream_that_expands_to_a_gigabyte(sandbox):
    before = psutil.Process().memory_info().rss
    result = outcome(sandbox, flate_bomb(), "a.pdf")
    assert isinstance(result, Unreadable)
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert psutil.Process(sandbox._process.pid).memory_info().rss < 400_000_000


def test_a_sheet_of_a_million_shared_strings_is_bounded(sandbox):
    strings = "<si><t>" + "x" * 1_000 + "</t></si>"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 20_000))
    book = xlsx({"S": sheet_xml(cells)})
    stream = io.BytesIO(book)
    with zipfile.ZipFile(stream, "a") as file:
        file.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}">{strings}</sst>')
    result = outcome(sandbox, stream.getvalue(), "a.xlsx")
    assert isinstance(result, ParsedDocument | Unreadable)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 1_000_000, "a" * 1_000_000),
        ("nul\0 inside", "nul inside"),
        ("right \u202eto\u202c left", "right to left"),
        ("tag" + "".join(chr(0xE0000 + ord(c)) for c in "ged"), "tag"),
        ("four 😀𐍈 bytes", "four 😀𐍈 bytes"),
        ("=cmd|'/C calc'!A0", "=cmd|'/C calc'!A0"),
    ],
    ids=["long line", "nul", "bidi", "tags", "four bytes", "formula"],
)
def test_odd_texts(sandbox, text, expected):
    document = outcome(sandbox, text.encode(), "a.txt")
    assert document.text == expected
    assert "".join(draft.text for draft in chunk(document, LIMITS)).replace(" ", "") == expected.replace(
        " ", ""
    )


SEEDS = {
    "seed.pdf": pdf(
        [wrapped("The pump moves forty litres of water. " * 8), wrapped("Second page. " * 9)], title="A title"
    ),
    "seed.docx": docx(paragraph("Heading", run="<w:b/>") + paragraph("Some text. " * 20)),
    "seed.pptx": pptx([slide_xml(shape("Title", placeholder="title"), shape("Body"))], notes={1: "Notes."}),
    "seed.xlsx": xlsx({"S": sheet_xml(rows(["Name", "Age"], ["Ann", 3], ["Bob", 4]))}, formats=("0.00",)),
    "seed.html": b"<h1>T</h1><p>Text <b>bold</b></p><table><tr><th>A<th>B<tr><td>1<td>2</table><ul><li>x",
    "seed.md": b"# T\n\nText *a* `b`\n\n| A | B |\n|---|---|\n| 1 | 2 |\n\n- x\n  - y\n\n```\ncode\n```\n",
    "seed.csv": b'Name;Age\n"Ann; X";3\nBob;4\n',
    "seed.eml": b"From: a@b.c\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/plain\r\n\r\nHello.\r\n--x\r\nContent-Type: text/csv; name=a.csv\r\n"
    b"Content-Disposition: attachment; filename=a.csv\r\n\r\na,b\r\n1,2\r\n--x--\r\n",
    "seed.txt": "Grüße.\n\n- one\n- two\n".encode(),
}
ROUNDS = 25


def mutated(data, source):
    """A few bytes changed, cut out or doubled; archives are damaged inside of their parts as well."""
    if data.startswith(b"PK") and source.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            parts = {info.filename: file.read(info) for info in file.infolist()}
        victim = source.choice(sorted(parts))
        parts[victim] = mutated(parts[victim], source) if parts[victim] else b"x"
        return archive(parts)
    body = bytearray(data)
    for _ in range(source.randint(1, 8)):
        at = source.randrange(len(body))
        size = source.randint(1, 12)
        deed = source.randrange(4)
        if deed == 0:
            body[at : at + size] = source.randbytes(size)
        elif deed == 1:
            del body[at : at + size]
        elif deed == 2:
            body[at:at] = body[at : at + size] * source.randint(1, 50)
        else:
            body[at:at] = source.choice(
                [b"\0", b"\xff\xfe", b"<", b"%", b"9" * 20, b"&", b"(", b"\xed\xa0\x80"]
            )
        body = body or bytearray(b"x")
    return bytes(body)


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_are_sound(sandbox, name):
    assert isinstance(outcome(sandbox, SEEDS[name], name), ParsedDocument)


@pytest.mark.parametrize("name", SEEDS)
def test_random_damage_ends_in_a_result_or_a_reason(sandbox, name):
    source = random.Random(name)
    for _ in range(ROUNDS):
        data = mutated(SEEDS[name], source)
        result = outcome(sandbox, data, name)
        if isinstance(result, ParsedDocument):
            assert chunk(result, LIMITS)
            result.text.encode("utf-8")
        else:
            assert not isinstance(result, errors.TimedOut), data[:200]
    assert psutil.Process(sandbox._process.pid).is_running()
