"""What Word's styles and numbering say: a paragraph's heading level, list level and number."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from footnote.knowledge.parsing.opc import Package
from footnote.knowledge.parsing.xml import attribute, local

_HEADING_NAME = re.compile(r"^heading (\d)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%(\d)")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MAX_BASES = 20
_BODY_TEXT_LEVEL = 9


@dataclass(slots=True)
class Style:
    """A paragraph style.

    Attributes:
        level: Heading level: 0 for the title, 1 to 9, `None` for ordinary text.
        numbering: Id of its numbering and list level, if it has one.
        hidden: Whether its text is not shown.
    """

    level: int | None = None
    numbering: tuple[str, int] | None = None
    hidden: bool = False
    is_list: bool = False


@dataclass(slots=True)
class _Level:
    kind: str = "decimal"
    text: str = ""
    start: int = 1


@dataclass(slots=True)
class Numbering:
    """Lists of a document and how far each has counted."""

    levels: dict[str, dict[int, _Level]] = field(default_factory=dict)
    _abstract_of: dict[str, str] = field(default_factory=dict)
    _counters: dict[str, dict[int, int]] = field(default_factory=dict)

    def label(self, identifier: str, level: int) -> str | None:
        """Counts one paragraph; its number as shown, empty for bullets, `None` if it is in no list."""
        levels = self.levels.get(identifier)
        if not levels:
            return None
        counters = self._counters.setdefault(self._abstract_of.get(identifier, identifier), {})
        own = levels.get(level, _Level())
        counters[level] = counters.get(level, own.start - 1) + 1
        for deeper in [other for other in counters if other > level]:
            del counters[deeper]
        if own.kind in ("bullet", "none"):
            return ""

        def number(found: re.Match[str]) -> str:
            index = int(found[1]) - 1
            other = levels.get(index, _Level())
            return _render(counters.get(index, other.start), other.kind)

        return _PLACEHOLDER.sub(number, own.text)


def read_styles(package: Package, document_part: str) -> dict[str, Style]:
    """Paragraph styles by id, with what they inherit."""
    raw: dict[str, tuple[str | None, Any]] = {}
    for part in package.targets(document_part, "styles"):
        root = package.optional(part)
        for element in root if root is not None else ():
            if local(element) == "style" and attribute(element, "type") in ("paragraph", None):
                raw[attribute(element, "styleId") or ""] = (_value(element, "basedOn"), element)
    return {identifier: _inherited(identifier, raw) for identifier in raw}


def read_numbering(package: Package, document_part: str) -> Numbering:
    """All lists of a document."""
    numbering = Numbering()
    abstract: dict[str, dict[int, _Level]] = {}
    for part in package.targets(document_part, "numbering"):
        root = package.optional(part)
        for element in root if root is not None else ():
            if local(element) == "abstractNum":
                abstract[attribute(element, "abstractNumId") or ""] = _levels(element)
        for element in root if root is not None else ():
            if local(element) == "num":
                _add_list(numbering, abstract, element)
    return numbering


def paragraph_style(properties: Any | None) -> tuple[str | None, int | None, tuple[str, int] | None]:
    """A paragraph's own settings: style id, outline level, list and list level."""
    style, outline, listing = None, None, None
    for element in properties if properties is not None else ():
        match local(element):
            case "pStyle":
                style = attribute(element, "val")
            case "outlineLvl":
                outline = _integer(attribute(element, "val"))
            case "numPr":
                listing = _list_of(element)
            case _:
                pass
    return style, outline, listing


def _inherited(identifier: str, raw: dict[str, tuple[str | None, Any]]) -> Style:
    style = Style()
    numbered: str | None = None
    list_level: int | None = None
    seen = 0
    current: str | None = identifier
    while current in raw and seen < _MAX_BASES:
        base, element = raw[current]
        name = (_value(element, "name") or "").strip()
        heading = _HEADING_NAME.match(name)
        properties = next((child for child in element if local(child) == "pPr"), None)
        _, outline, listing = paragraph_style(properties)
        if style.level is None:
            if heading:
                style.level = int(heading[1])
            elif name.lower() == "title":
                style.level = 0
            elif outline is not None and outline < _BODY_TEXT_LEVEL:
                style.level = outline + 1
        if listing and numbered is None:
            numbered, list_level = listing
        style.is_list = style.is_list or name.lower().startswith(("list bullet", "list number"))
        style.hidden = style.hidden or _is_hidden(element)
        current = base
        seen += 1
    if numbered is not None and numbered != "0":
        style.numbering = (numbered, list_level or 0)
    return style


def _add_list(numbering: Numbering, abstract: dict[str, dict[int, _Level]], element: Any) -> None:
    identifier = attribute(element, "numId") or ""
    base = _value(element, "abstractNumId") or ""
    levels = dict(abstract.get(base, {}))
    restarted = False
    for override in element:
        if local(override) == "lvlOverride":
            restarted = True
            index = _integer(attribute(override, "ilvl")) or 0
            own = levels.get(index, _Level())
            replaced = _levels(override).get(index, own)
            start = _integer(_value(override, "startOverride"))
            levels[index] = _Level(replaced.kind, replaced.text, replaced.start if start is None else start)
    numbering.levels[identifier] = levels
    # Lists of one abstract definition count on together unless one of them starts anew.
    numbering._abstract_of[identifier] = identifier if restarted else f"abstract {base}"  # noqa: SLF001


def _levels(element: Any) -> dict[int, _Level]:
    levels = {}
    for child in element:
        if local(child) == "lvl":
            start = _integer(_value(child, "start"))
            levels[_integer(attribute(child, "ilvl")) or 0] = _Level(
                _value(child, "numFmt") or "decimal",
                _value(child, "lvlText") or "",
                1 if start is None else start,
            )
    return levels


def _list_of(element: Any) -> tuple[str, int] | None:
    identifier = _value(element, "numId")
    return (identifier, _integer(_value(element, "ilvl")) or 0) if identifier is not None else None


def _is_hidden(style: Any) -> bool:
    for child in style:
        if local(child) == "rPr":
            return is_on(child, "vanish")
    return False


def is_on(properties: Any, name: str) -> bool:
    """Whether a toggle such as `w:vanish` is set."""
    for element in properties:
        if local(element) == name:
            return attribute(element, "val") not in ("0", "false", "off", "none")
    return False


def _value(element: Any, child_name: str) -> str | None:
    for child in element:
        if local(child) == child_name:
            return attribute(child, "val")
    return None


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _render(number: int, kind: str) -> str:
    match kind:
        case "lowerLetter" | "upperLetter" if number > 0:
            letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
            return letter if kind == "lowerLetter" else letter.upper()
        case "lowerRoman" | "upperRoman" if 0 < number < 4000:
            numeral = ""
            for value, sign in _ROMAN:
                numeral += sign * (number // value)
                number %= value
            return numeral if kind == "lowerRoman" else numeral.upper()
        case "decimalZero":
            return f"{number:02d}"
        case _:
            return str(number)
