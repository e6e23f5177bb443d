"""What is left out when two questions are compared letter by letter."""

from __future__ import annotations

import re
import unicodedata

_END = re.compile(r"[\s?!.…？！。؟]+$")


def exact_form(question: str) -> str:
    """The question without what certainly means nothing: spacing, final marks, a capital at the beginning.

    Any other difference of case stays: "Who is it?" and "WHO is IT?" are two questions.
    """
    text = " ".join(unicodedata.normalize("NFC", question).split())
    text = _END.sub("", text) or text
    first = text.split(" ", 1)[0]
    if len(first) > 1 and first[1:] == first[1:].lower():
        text = text[0].lower() + text[1:]
    return text
