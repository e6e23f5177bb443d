"""Tells by the first bytes what a file really is (reliability.md, f 6: magic bytes must match the ending)."""

from __future__ import annotations

import re

from footnote.knowledge.parsing.archive import Archive
from footnote.knowledge.parsing.errors import Broken, Empty, Encrypted, Mistyped, Unreadable, Unsupported
from footnote.knowledge.parsing.formats import BY_NAME
from footnote.knowledge.parsing.source import Source

_PDF_HEAD = 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"RIFF", "a picture, sound or video"),
    (b"{\\rtf", "Rich Text"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"(\xb5/\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\x00asm", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"ID3", "a sound file"),
    (b"OggS", "a sound file"),
    (b"fLaC", "a sound file"),
    (b"%!PS", "PostScript"),
    (b"wOFF", "a font"),
    (b"wOF2", "a font"),
)
_TEXT_FORMATS = frozenset({"html", "md", "csv", "txt", "eml"})
# Signatures that ordinary text may begin with are believed only if binary bytes follow.
_WORDLIKE = frozenset({b"BM", b"MZ", b"RIFF", b"ID3", b"BZh"})
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MAIN_PARTS = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
_OLD_OFFICE = (("WordDocument", "doc"), ("Workbook", "xls"), ("Book", "xls"), ("PowerPoint Document", "ppt"))
_SAVE_AS = {"doc": ".docx or PDF", "xls": ".xlsx or CSV", "ppt": ".pptx or PDF"}
_PROGRAMS = {"doc": "Word 97-2003", "xls": "Excel 97-2003", "ppt": "PowerPoint 97-2003"}


def check(source: Source) -> None:
    """Makes sure that the content can be what the ending says.

    Raises:
        Empty: There are no bytes, or only white space.
        Mistyped: It is something else; the reason says what.
        Encrypted, Unsupported: A protected or an old Office file under a newer ending.
    """
    head = source.data[:_PDF_HEAD]
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        if not source.data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
            raise Empty("The file is empty.")
    elif source.format.name == "pdf":
        _check_pdf(source, head)
    elif source.format.name in _TEXT_FORMATS:
        _check_text(source, head)
    else:
        _check_openxml(source, head)


def _check_pdf(source: Source, head: bytes) -> None:
    if b"%PDF-" not in head:
        raise _mistyped(source, head)


def _check_text(source: Source, head: bytes) -> None:
    if (
        head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-")
        or head.startswith((*_ZIPS, _OLE))
        or _what(head)
    ):
        raise _mistyped(source, head)


def _check_openxml(source: Source, head: bytes) -> None:
    if not head.startswith(_ZIPS):
        raise _mistyped(source, head)
    found = _openxml_kind(source)
    if found != source.format.name:
        raise _mistyped(source, head)


def _mistyped(source: Source, head: bytes) -> Unreadable:
    """The error for content that is not of the ending's format."""
    if head.startswith(_OLE):
        return _old_office(source.data)
    expected = f"{source.format.label} ({source.format.endings[0]})"
    kind = _openxml_kind(source) if head.startswith(_ZIPS) else "pdf" if b"%PDF-" in head else None
    if kind in BY_NAME:
        entry = BY_NAME[kind]
        return Mistyped(
            f"The content is a {entry.label}. Rename the file so that it ends in {entry.endings[0]}."
        )
    what = kind or _what(head) or _text_kind(head)
    if what:
        return Mistyped(f"The content is {what}, not a {expected}.")
    return Broken(f"The file does not begin like a {expected}: it is damaged or something else.")


def _text_kind(head: bytes) -> str | None:
    """`HTML` or `plain text` for bytes that are readable as such."""
    if _BINARY.search(head):
        return None
    lowered = head.lower()
    return "HTML" if b"<html" in lowered or b"<!doctype html" in lowered else "plain text"


def _what(head: bytes) -> str | None:
    for signature, name in _SIGNATURES:
        if head.startswith(signature) and (signature not in _WORDLIKE or _BINARY.search(head)):
            return name
    if head[4:8] == b"ftyp":
        return "a video or a picture"
    return None


def _openxml_kind(source: Source) -> str:
    """`docx`, `pptx`, `xlsx`, or words for another kind of archive."""
    with Archive(source.data, source.limits) as archive:
        names = archive.names()
        for prefix, kind in _MAIN_PARTS:
            if any(name.lower().startswith(prefix) and name.lower().endswith(".xml") for name in names):
                return kind
        if "xl/workbook.bin" in names:
            return "a binary Excel workbook (.xlsb)"
        if "mimetype" in names:
            declared = archive.read("mimetype")[:80]
            if b"epub" in declared:
                return "an e-book"
            if b"opendocument" in declared:
                return "an OpenDocument file"
    return "a ZIP archive"


def _old_office(data: bytes) -> Unreadable:
    """Errors for OLE containers: encrypted OOXML lives in them, and so do the formats of Office 97-2003."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Encrypted(
            "The document is protected with a password. Remove the protection and upload it again."
        )
    for stream, kind in _OLD_OFFICE:
        if stream.encode("utf-16-le") in data:
            return Unsupported(
                f"This is the format of {_PROGRAMS[kind]}. Open it and save it as {_SAVE_AS[kind]}."
            )
    if "__properties_version1.0".encode("utf-16-le") in data:
        return Unsupported("This is an Outlook message. Save the message as .eml.")
    return Unsupported("This is an old Office format. Open it and save it in a current one, or as PDF.")
