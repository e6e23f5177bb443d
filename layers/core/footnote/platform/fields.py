"""Types of what requests hold: numbers, flags and times taken at their word, and text that stores can keep.

JSON says what is a number and what is a text, and the API's description promises to tell them apart: a limit
of `true` or of `"5"` is a mistake and not the number 1 or 5.
"""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Strict, StringConstraints

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def check_storable(value: Any) -> None:
    """Looks through a value of whatever depth: what PostgreSQL keeps as neither text nor JSON is refused.

    Raises:
        ValueError: A text, or a key of a mapping, holds a NUL or half of a surrogate pair; or a number is
            none, or infinite.
    """
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "\x00" in one:
                raise ValueError("NUL characters are not allowed")
            try:
                one.encode()
            except UnicodeEncodeError:
                raise ValueError("lone surrogates are not text") from None
        elif isinstance(one, float) and not math.isfinite(one):
            raise ValueError("numbers must be finite")
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one


def _one_line(text: str) -> str:
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _written_day(value: Any) -> Any:
    """Numbers, and digits alone, would be taken for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise ValueError("write it as YYYY-MM-DD, a time with T and hh:mm:ss and Z or an offset behind it")


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_one_line)
]
"""A name: 1 to 255 characters in one line."""

Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_one_line)
]
"""A title: 1 to 1000 characters in one line; those of papers and filings are long."""

Flag = Annotated[bool, Strict()]
"""True or false."""

Whole = Annotated[int, Strict(), BeforeValidator(_whole)]
"""A whole number."""

Figure = Annotated[float, Strict()]
"""A number."""

Day = Annotated[date, BeforeValidator(_written_day)]
"""A day, as YYYY-MM-DD."""

Moment = Annotated[AwareDatetime, BeforeValidator(_written_day)]
"""A time with its offset from UTC, as RFC 3339 writes it."""
