"""Office equations as text that reads like a formula: `A=πr^2`, `(a+b)/(2)`, `√(x)`."""

from __future__ import annotations

import re
from typing import Any

from footnote.knowledge.parsing.xml import attribute, local

_ATOM = re.compile(r"^(?:[^\W_]+|[^\W\d_]*[\d.,]+|\([^()]*\))$")
_SKIPPED = frozenset({"ctrlPr", "rPr", "sSupPr", "sSubPr", "fPr", "radPr", "naryPr", "dPr", "mPr", "argPr"})
_COMBINING = {"\u0302": "^", "\u0303": "~", "\u0304": "¯", "\u0305": "¯", "\u20d7": "→", "\u0307": "˙"}


def linear(element: Any) -> str:
    """The formula below an `m:oMath` or `m:oMathPara` in one line."""
    name = local(element)
    if name in _SKIPPED or name.endswith("Pr"):
        return ""
    if name == "t":
        return element.text or ""
    if name in (
        "r",
        "oMath",
        "e",
        "num",
        "den",
        "sub",
        "sup",
        "deg",
        "fName",
        "lim",
        "box",
        "borderBox",
        "phant",
    ):
        return _children(element)
    rule = _RULES.get(name)
    return rule(element) if rule else _children(element)


def _children(element: Any) -> str:
    return "".join(linear(child) for child in element)


def _part(element: Any, name: str) -> str:
    for child in element:
        if local(child) == name:
            return _children(child).strip()
    return ""


def _property(element: Any, name: str) -> str | None:
    """A value in the element's property child; `None` if it is not given."""
    for child in element:
        if local(child).endswith("Pr"):
            for entry in child:
                if local(entry) == name:
                    return attribute(entry, "val") or ""
    return None


def _group(text: str) -> str:
    return text if _ATOM.match(text) or len(text) <= 1 else f"({text})"


def _fraction(element: Any) -> str:
    numerator, denominator = _part(element, "num"), _part(element, "den")
    if _property(element, "type") == "noBar":
        return f"{_group(numerator)} choose {_group(denominator)}"
    return f"{_group(numerator)}/{_group(denominator)}"


def _script(element: Any) -> str:
    base, below, above = _part(element, "e"), _part(element, "sub"), _part(element, "sup")
    text = base
    if below:
        text += f"_{_group(below)}"
    if above:
        text += f"^{_group(above)}"
    return text


def _prescript(element: Any) -> str:
    below, above = _part(element, "sub"), _part(element, "sup")
    head = (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")
    return head + _part(element, "e")


def _radical(element: Any) -> str:
    degree, base = _part(element, "deg"), _part(element, "e")
    return f"root({degree}, {base})" if degree else f"√{_group(base)}"


def _nary(element: Any) -> str:
    symbol = _property(element, "chr") or "∫"
    below, above = _part(element, "sub"), _part(element, "sup")
    bounds = (f"_{_group(below)}" if below else "") + (f"^{_group(above)}" if above else "")
    return f"{symbol}{bounds} {_part(element, 'e')}"


def _delimiter(element: Any) -> str:
    begin, end, separator = (_property(element, name) for name in ("begChr", "endChr", "sepChr"))
    inner = (separator or "|").join(_children(child).strip() for child in element if local(child) == "e")
    return f"{'(' if begin is None else begin}{inner}{')' if end is None else end}"


def _function(element: Any) -> str:
    name, argument = _part(element, "fName"), _part(element, "e")
    return f" {name}{argument}" if argument.startswith("(") else f" {name}({argument})"


def _limit(element: Any) -> str:
    bound = _part(element, "lim")
    mark = "_" if local(element) == "limLow" else "^"
    return f"{_part(element, 'e')}{mark}{_group(bound)}"


def _accent(element: Any) -> str:
    mark = _property(element, "chr") or "\u0302"
    return f"{_part(element, 'e')}{_COMBINING.get(mark, '')}"


def _matrix(element: Any) -> str:
    rows = [
        ", ".join(_children(cell).strip() for cell in row if local(cell) == "e")
        for row in element
        if local(row) == "mr"
    ]
    return "[" + "; ".join(rows) + "]"


def _lines(element: Any) -> str:
    return "; ".join(_children(child).strip() for child in element if local(child) == "e")


_RULES = {
    "f": _fraction,
    "sSup": _script,
    "sSub": _script,
    "sSubSup": _script,
    "sPre": _prescript,
    "rad": _radical,
    "nary": _nary,
    "d": _delimiter,
    "func": _function,
    "limLow": _limit,
    "limUpp": _limit,
    "acc": _accent,
    "m": _matrix,
    "eqArr": _lines,
}
