"""E-mail: headers, body and attachments that can be read, as sections of one document."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage, MIMEPart

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.attachments import add_attachment
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.encoding import decode, html_declaration
from footnote.knowledge.parsing.errors import Broken
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.html import add_html
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.text import add_plain_text

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MAX_ATTACHMENTS = 50
_MAX_NESTED = 3


def parse(source: Source) -> ParsedDocument:
    """Reads a message; errors as in `parsing.parse`."""
    data = source.data.lstrip(b"\r\n\t ")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if data.startswith(b"From ") and b"\n" in data:  # the separator line of mail boxes
        data = data.split(b"\n", 1)[1]
    message = email.message_from_bytes(data, policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise Broken("The file is no e-mail message: it has no headers.")
    builder = DocumentBuilder(source.limits.max_characters)
    subject = _header(message, "Subject")
    _add_message(builder, message, source, 0)
    return builder.finish(subject or stem(source.filename))


def _add_message(builder: DocumentBuilder, message: EmailMessage, source: Source, nesting: int) -> None:
    fields = [(name, _header(message, name)) for name in _HEADERS]
    builder.add("\n".join(f"{name}: {value}" for name, value in fields if value), "note", "lines")
    body = _body(message)
    if body is not None:
        _add_body(builder, body)
    for count, part in enumerate(_attachments(message, body)):
        if count >= _MAX_ATTACHMENTS:
            builder.warn(f"Only the first {_MAX_ATTACHMENTS} attachments were read.")
            break
        _add_part(builder, part, source, nesting)


def _add_part(builder: DocumentBuilder, part: EmailMessage, source: Source, nesting: int) -> None:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        if isinstance(inner, EmailMessage) and nesting < _MAX_NESTED:
            builder.reset_headings()
            builder.heading(_header(inner, "Subject") or "Forwarded message", 1)
            _add_message(builder, inner, source, nesting + 1)
        else:
            builder.warn("A forwarded message was not read.")
        return
    name = one_line(clean(_filename(part))[0])
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        add_attachment(builder, replace(source, data=payload, filename=name), part.get_content_type())


def _body(message: EmailMessage) -> EmailMessage | None:
    """The part to read: plain text before HTML, unless the plain text is only a stub."""
    try:
        plain = message.get_body(preferencelist=("plain",))
        rich = message.get_body(preferencelist=("html",))
    except (
        AttributeError,
        KeyError,
        IndexError,
        TypeError,
    ):  # structures that the standard library trips over
        return None
    stub = isinstance(plain, EmailMessage) and not _text(plain).strip()
    chosen = rich if plain is None or (stub and rich is not None) else plain
    return chosen if isinstance(chosen, EmailMessage) else None


def _attachments(message: EmailMessage, body: EmailMessage | None) -> list[EmailMessage]:
    """Every leaf that is neither the body nor another form of it, and every message within."""
    found: list[EmailMessage] = []
    stack: list[EmailMessage] = [message]
    while stack:
        part = stack.pop()
        if part is body:
            continue
        if part.get_content_type() == "message/rfc822":
            found.append(part)
        elif part.is_multipart():
            inner = [child for child in part.get_payload() if isinstance(child, EmailMessage | MIMEPart)]
            stack.extend(reversed(inner))  # type: ignore[arg-type]
        elif _is_attachment(part):
            found.append(part)
    return found


def _is_attachment(part: EmailMessage) -> bool:
    if part.get_content_disposition() == "attachment" or _filename(part):
        # Pictures within the text (logos) are not worth a word.
        return not (part.get_content_maintype() == "image" and part.get("Content-ID"))
    return False


def _add_body(builder: DocumentBuilder, part: EmailMessage) -> None:
    text = _text(part)
    if part.get_content_subtype() == "html":
        add_html(builder, text)
    else:
        cleaned, removed = clean(text)
        builder.removed += removed
        add_plain_text(builder, cleaned)


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    declared = part.get_content_charset()
    if not declared and part.get_content_subtype() == "html":
        declared = html_declaration(payload)
    return decode(payload, declared)


def _header(message: EmailMessage, name: str) -> str:
    """A header's decoded text; broken ones as they stand."""
    try:
        value = message.get(name)
    except (
        ValueError,
        IndexError,
        AttributeError,
        TypeError,
    ):  # the standard library's header parser on bad input
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()), None)
    return one_line(clean(str(value))[0]) if value else ""


def _filename(part: EmailMessage) -> str:
    try:
        return part.get_filename() or ""
    except (ValueError, IndexError, AttributeError, TypeError, LookupError):
        return ""
