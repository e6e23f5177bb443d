"""From bytes to text where nothing says for sure which encoding it is."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from footnote.knowledge.parsing.errors import Mistyped

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 64 * 1024
_SLIPS = 3
_HTML_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE
)
_XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{2,40})""")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SURROGATES = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # halves of UTF-16 pairs that UTF-8 has no place for
# Browsers read these labels as their Windows supersets (WHATWG encoding standard).
_SUPERSETS = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030", "euc_kr": "cp949", "iso8859-11": "cp874", "tis-620": "cp874",
}  # fmt: skip


def decode(data: bytes, declared: str | None = None) -> str:
    """Text of `data`: byte order mark, then UTF-8, then the declared encoding, then a guess.

    UTF-8 comes before the declaration because text that is valid UTF-8 by chance is all but impossible, while
    wrong declarations are common.

    Raises:
        Mistyped: The bytes are no text at all.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data.decode(name, "replace")
    wide = _wide(data)
    if wide:
        return data.decode(wide, "replace")
    if _is_binary(data[:_SAMPLE]):
        raise Mistyped("The file holds binary data, not text.")
    data = _SURROGATES.sub(b"\xef\xbf\xbd", data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # One broken character in the middle, or a cut at the end, does not make another encoding of it.
        if _nearly_utf8(data, error.start):
            return data.decode("utf-8", "replace")
    codec = _codec(declared)
    if codec:
        try:
            return data.decode(codec)
        except (UnicodeDecodeError, LookupError):
            pass  # a wrong declaration: guess instead
    return data.decode(_guess(data), "replace")


def _is_binary(sample: bytes) -> bool:
    """Zero bytes in numbers, or along with other control characters; a few alone are slips."""
    zeros = sample.count(0)
    if zeros <= _SLIPS:
        return False
    return zeros > len(sample) // 10 or len(_CONTROLS.findall(sample)) > len(sample) // 20


def html_declaration(data: bytes) -> str | None:
    """The encoding that the head of an HTML or XML file names."""
    head = data[:4096]
    found = _HTML_CHARSET.search(head) or _XML_ENCODING.search(head)
    return found[1].decode("ascii") if found else None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of Western text is zero."""
    sample = data[: _SAMPLE & ~1]
    if len(sample) < 4:
        return None
    half = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.05:
        return "utf-16-be"
    return None


def _nearly_utf8(data: bytes, first_error: int) -> bool:
    sample = data[max(0, first_error - _SAMPLE) : first_error + _SAMPLE]
    text = sample.decode("utf-8", "replace")
    wrong = text.count("\ufffd") - sample.count(b"\xef\xbf\xbd")
    right = sum(1 for character in text if character > "\x7f" and character != "\ufffd")
    return wrong <= 3 and right >= 4 * wrong


def _codec(name: str | None) -> str | None:
    if not name:
        return None
    try:
        normal = codecs.lookup(name).name
    except LookupError:
        return None
    return _SUPERSETS.get(normal, normal)


def _guess(data: bytes) -> str:
    sample = data if len(data) <= _SAMPLE else data[:_SAMPLE]
    best = from_bytes(sample, cp_exclusion=["utf_7", "mac_iceland", "mac_turkish", "hz", "johab"]).best()
    return _SUPERSETS.get(best.encoding, best.encoding) if best else "cp1252"
