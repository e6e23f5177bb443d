"""HTML that cannot be forged: whatever is not `Markup` already is escaped when it goes in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VOID = frozenset({"br", "hr", "link", "meta"})
# Characters that make text look like other text than it is: they reorder what stands around them.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


class Markup(str):
    """Text that is HTML. Only this module makes it from anything but a literal."""

    __slots__ = ()


Content = str | int | float | Markup | None


def escaped(content: Content) -> Markup:
    """The content as HTML: markup as it is, anything else escaped, nothing for `None`."""
    if isinstance(content, Markup):
        return content
    return Markup(
        "" if content is None else escape(_REORDERING.sub("\N{REPLACEMENT CHARACTER}", str(content)))
    )


def join(contents: Iterable[Content], separator: str = "") -> Markup:
    """The contents one after the other, each escaped unless it is markup; so is the separator."""
    return Markup(escaped(separator).join(escaped(content) for content in contents))


def tag(name: str, /, *contents: Content, **attributes: Content) -> Markup:
    """An element.

    Args:
        name: Of the element.
        contents: Its children, in order.
        attributes: By name; `class_` is `class`, `_` is `-`; those that are `None` are left out.

    Raises:
        ValueError: A name is not one.
    """
    written = []
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(attribute.lower()) or attribute.startswith("on"):
            raise ValueError(f"{attribute!r} is not an attribute of a page")
        if value is not None:
            written.append(f' {attribute}="{escape(str(value))}"')
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not an element")
    start = f"<{name}{''.join(written)}>"
    return Markup(start if name in _VOID else f"{start}{join(contents)}</{name}>")
