"""One form for all text: what every parser's output goes through before it becomes canonical text.

Invisible characters are an old way to hide instructions from a reader (reliability.md, i L2), so they are
taken out and counted. What is part of ordinary writing stays: joiners between letters that need them.
"""

from __future__ import annotations

import re
import unicodedata

# Letters whose spelling uses zero-width joiners: Arabic script and the Indic scripts; and emoji sequences.
_JOINABLE = "\u0600-\u06ff\u0750-\u077f\u0900-\u0dff\u2600-\u27bf\ufe0f\U0001f300-\U0001faff"
_LINE_ENDS = re.compile("\r\n?|[\u000b\u000c\u0085\u2028\u2029]")
# Controls, zero-width characters, bidirectional controls, tags, invisible operators, supplementary variation
# selectors. The soft hyphen is invisible too, but so common that it says nothing: it is removed, not counted.
_SOFT_HYPHEN = "\u00ad"
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e01ef]"
    f"|(?<![{_JOINABLE}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINABLE}])"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
# Ligatures and presentation forms stand for the letters themselves: only these are taken apart.
_PRESENTATION_FORMS = re.compile(
    "[\ufb00-\ufb06\ufb13-\ufb17\ufb1d-\ufdf1\ufdf4-\ufdf9\ufe70-\ufefc\u2f00-\u2fd5]+"
)
_SPACES = re.compile(r"[^\S\n]+")
_ANY_SPACES = re.compile(r"\s+")
_AROUND_NEWLINE = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> tuple[str, int]:
    r"""Normalises characters, keeping the layout.

    Returns:
        The text in NFC with `\n` line ends and without invisible characters, and how many of those there were
        (soft hyphens and a leading byte order mark do not count).
    """
    if text.isascii() and text.isprintable():
        return text, 0
    text = text.removeprefix("\ufeff")
    text = _LINE_ENDS.sub("\n", text)
    if _SOFT_HYPHEN in text:
        text = text.replace(_SOFT_HYPHEN, "")
    text, removed = _INVISIBLE.subn("", text)
    if text.isascii():
        return text, removed
    text = _SURROGATES.sub("\ufffd", text)
    text = _PRESENTATION_FORMS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return unicodedata.normalize("NFC", text), removed


def one_line(text: str) -> str:
    """Every run of white space becomes one space; none at the ends."""
    return _ANY_SPACES.sub(" ", text).strip()


def lines(text: str) -> str:
    r"""White space becomes single spaces and at most one empty line; line ends are kept."""
    text = _AROUND_NEWLINE.sub("\n", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


def code_lines(text: str) -> str:
    """As it stands, but without trailing spaces and outer empty lines; tabs become four spaces."""
    stripped = [line.rstrip() for line in text.expandtabs(4).split("\n")]
    return "\n".join(stripped).strip("\n")
