"""Content and ending have to agree, and the reason has to help."""

import pytest

from footnote.knowledge.parsing.errors import Broken, Empty, Encrypted, Mistyped, Unsupported
from footnote.knowledge.parsing.formats import FORMATS, format_of, stem
from tests.support.documents import archive, docx, paragraph, pptx, shape, slide_xml
from tests.support.parsing import parse_here

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100
WORD = docx(paragraph("Hello."))


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.txt", "a.html", "a.csv", "a.eml", "a.md", "a.xlsx"])
@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf", b"\0\0\0"])
def test_nothing_is_empty(name, data):
    with pytest.raises(Empty):
        parse_here(data, name)


@pytest.mark.parametrize(
    ("name", "data", "kind", "words"),
    [
        ("a.pdf", PNG, Mistyped, "PNG picture"),
        ("a.docx", PNG, Mistyped, "PNG picture"),
        ("a.txt", PNG, Mistyped, "PNG picture"),
        ("a.md", b"MZ\x90\0\3\0", Mistyped, "program"),
        ("a.csv", WORD, Mistyped, r"\.docx"),
        ("a.pdf", WORD, Mistyped, r"ends in \.docx"),
        ("a.xlsx", WORD, Mistyped, r"ends in \.docx"),
        ("a.docx", pptx([slide_xml(shape("x"))]), Mistyped, r"ends in \.pptx"),
        ("a.docx", b"%PDF-1.7 ...", Mistyped, r"ends in \.pdf"),
        ("a.txt", b"%PDF-1.7 ...", Mistyped, r"ends in \.pdf"),
        ("a.docx", archive({"x.txt": "x"}), Mistyped, "ZIP archive"),
        ("a.docx", archive({"mimetype": "application/epub+zip"}), Mistyped, "e-book"),
        ("a.pdf", b"<html><body>Sign in</body></html>", Mistyped, "HTML"),
        ("a.docx", b"just words", Mistyped, "plain text"),
        ("a.pdf", b"\x01\x02\x03\x04 rubbish", Broken, "damaged"),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), Encrypted, "password"),
        ("a.docx", OLE + "WordDocument".encode("utf-16-le"), Unsupported, r"save it as \.docx"),
        ("a.xlsx", OLE + "Workbook".encode("utf-16-le"), Unsupported, r"\.xlsx"),
        ("a.txt", b"{\\rtf1\\ansi}", Mistyped, "Rich Text"),
        ("a.html", b"\x1f\x8b\x08\0", Mistyped, "gzip"),
    ],
)
def test_the_reason_says_what_it_is(name, data, kind, words):
    with pytest.raises(kind, match=words):
        parse_here(data, name)


@pytest.mark.parametrize(
    "text", ["BMW builds cars.", "MZ is an abbreviation.", "RIFF is a format.", "ID3 tags"]
)
def test_words_that_look_like_signatures_are_words(text):
    assert parse_here(text.encode(), "a.txt").text == text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("report.doc", r"save it as \.docx"),
        ("a.xls", r"\.xlsx"),
        ("a.ppt", r"\.pptx"),
        ("a.odt", "OpenDocument"),
        ("photo.JPG", "Pictures"),
        ("a.zip", "Unpack"),
        ("a.msg", r"\.eml"),
        ("a.xyz", "Readable are PDF"),
        ("README", "without an ending"),
    ],
)
def test_other_formats_are_refused_with_a_way_out(name, words):
    with pytest.raises(Unsupported, match=words):
        format_of(name)


def test_every_ending_leads_to_its_format():
    for entry in FORMATS:
        assert all(format_of(f"some.dir/FILE{ending.upper()}") is entry for ending in entry.endings)


def test_titles_of_last_resort():
    assert stem("C:\\docs\\annual_report_2023.pdf") == "annual report 2023"
    assert stem("dir/half-year-figures.xlsx") == "half year figures"
    assert stem("Already has-words.txt") == "Already has-words"
