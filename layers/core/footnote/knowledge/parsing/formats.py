"""The formats: which endings they have, which module reads them, and what is said about the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from footnote.knowledge.parsing.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Format:
    """A format that is read.

    Attributes:
        name: The stable name, stored with documents.
        label: What a person calls it.
        endings: File name endings with the dot, lower case; the first is the usual one.
        module: Module beside this one with `parse(Source) -> ParsedDocument`.
        media_types: MIME types it travels under; the first is the one we announce.
    """

    name: str
    label: str
    endings: tuple[str, ...]
    module: str
    media_types: tuple[str, ...]


_OPENXML = "application/vnd.openxmlformats-officedocument."

FORMATS: tuple[Format, ...] = (
    Format("pdf", "PDF", (".pdf",), "pdf", ("application/pdf",)),
    Format(
        "docx",
        "Word document",
        (".docx", ".docm", ".dotx", ".dotm"),
        "docx",
        (_OPENXML + "wordprocessingml.document",),
    ),
    Format(
        "pptx",
        "PowerPoint presentation",
        (".pptx", ".pptm", ".ppsx", ".ppsm", ".potx"),
        "pptx",
        (_OPENXML + "presentationml.presentation",),
    ),
    Format(
        "xlsx",
        "Excel workbook",
        (".xlsx", ".xlsm", ".xltx", ".xltm"),
        "xlsx",
        (_OPENXML + "spreadsheetml.sheet",),
    ),
    Format("html", "HTML page", (".html", ".htm", ".xhtml"), "html", ("text/html", "application/xhtml+xml")),
    Format(
        "md",
        "Markdown text",
        (".md", ".markdown", ".mdown"),
        "markdown",
        ("text/markdown", "text/x-markdown"),
    ),
    Format("csv", "CSV table", (".csv", ".tsv"), "csv", ("text/csv", "text/tab-separated-values")),
    Format("txt", "plain text", (".txt", ".text", ".log"), "text", ("text/plain",)),
    Format("eml", "e-mail", (".eml",), "eml", ("message/rfc822",)),
)
BY_NAME: dict[str, Format] = {entry.name: entry for entry in FORMATS}
BY_ENDING: dict[str, Format] = {ending: entry for entry in FORMATS for ending in entry.endings}
BY_MEDIA_TYPE: dict[str, Format] = {media: entry for entry in FORMATS for media in entry.media_types}
SUPPORTED_ENDINGS: tuple[str, ...] = tuple(BY_ENDING)

_SAVE_AS: dict[str, str] = {
    ".doc": "This is the format of Word 97-2003. Open it and save it as .docx or PDF.",
    ".dot": "This is the format of Word 97-2003. Open it and save it as .docx or PDF.",
    ".xls": "This is the format of Excel 97-2003. Open it and save it as .xlsx or CSV.",
    ".xlsb": "Binary Excel workbooks are not read. Open it and save it as .xlsx or CSV.",
    ".ppt": "This is the format of PowerPoint 97-2003. Open it and save it as .pptx or PDF.",
    ".pps": "This is the format of PowerPoint 97-2003. Open it and save it as .pptx or PDF.",
    ".rtf": "Rich Text is not read. Open it in a word processor and save it as .docx or PDF.",
    ".odt": "OpenDocument text is not read. Save it as .docx or PDF.",
    ".ods": "OpenDocument spreadsheets are not read. Save it as .xlsx or CSV.",
    ".odp": "OpenDocument presentations are not read. Save it as .pptx or PDF.",
    ".pages": "Pages documents are not read. Export it as Word or PDF.",
    ".numbers": "Numbers spreadsheets are not read. Export it as Excel or CSV.",
    ".key": "Keynote presentations are not read. Export it as PowerPoint or PDF.",
    ".epub": "E-books are not read. Convert it to PDF or HTML.",
    ".msg": "Outlook messages are not read. Save the message as .eml.",
    ".mht": "Web archives are not read. Save the page as HTML.",
    ".mhtml": "Web archives are not read. Save the page as HTML.",
    ".zip": "Archives are not read. Unpack it and upload the documents in it.",
}
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".svg"})


def format_of(filename: str) -> Format:
    """The format that a file name's ending stands for.

    Raises:
        Unsupported: The ending is missing or of a format that is not read; the reason says what to do.
    """
    ending = PurePosixPath(filename.replace("\\", "/")).suffix.lower()
    found = BY_ENDING.get(ending)
    if found:
        return found
    if ending in _SAVE_AS:
        raise Unsupported(_SAVE_AS[ending])
    if ending in _IMAGES:
        raise Unsupported(
            "Pictures are not read. Upload a document with a text layer, for example a searchable PDF."
        )
    readable = ", ".join(entry.endings[0].removeprefix(".").upper() for entry in FORMATS)
    named = f"Files ending in {ending}" if ending else "Files without an ending"
    raise Unsupported(f"{named} are not read. Readable are {readable}.")


def stem(filename: str) -> str:
    """A file name without folder and ending, as a title of last resort: words joined by signs are parted."""
    name = PurePosixPath(filename.replace("\\", "/")).name
    bare = PurePosixPath(name).stem or name
    if " " in bare:
        return bare
    words = bare.replace("_", " ")
    return words if " " in words else words.replace("-", " ")
