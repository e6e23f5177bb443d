"""Cell values of Excel as they are shown: number formats, percentages, dates (ECMA-376 part 1, 18.8.30)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

# Formats that are not written into the file.
_BUILT_IN: dict[int, str] = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00",
    12: "# ?/?", 13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm",
    19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00",
    40: "#,##0.00", 41: "#,##0", 42: "#,##0", 43: "#,##0.00", 44: "#,##0.00", 45: "mm:ss", 46: "[h]:mm:ss",
    47: "mm:ss", 48: "0.00E+00", 49: "@",
}  # fmt: skip
# Numbers 27-36 and 50-58 are dates of East Asian locales.
_EAST_ASIAN_DATES = frozenset((*range(27, 37), *range(50, 59)))
_LITERALS = re.compile(r'"([^"]*)"|\\(.)|[_*].|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]')
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"[0#?][0#?,.]*")
_LITERAL_MARK = "\x00"
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets know no time zones
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_SERIAL = 2_958_466  # 10000-01-01
_LEAP_BUG = 60  # Excel counts a 29 February 1900 that never was


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a number is shown.

    Attributes:
        kind: `general`, `number`, `date`, `time`, `datetime`, `month`, `year` or `duration`.
        before, after: What stands around the digits, such as a currency.
        decimals: Digits after the point.
        grouped: Whether thousands are set apart.
        factor: What the value is multiplied with: 100 for percentages, 0.001 for thousands.
    """

    kind: str
    before: str = ""
    after: str = ""
    decimals: int = 0
    grouped: bool = False
    factor: float = 1.0


_GENERAL = NumberFormat("general")


def number_format(identifier: int, codes: dict[int, str]) -> NumberFormat:
    """The format of an id: of the file's own `codes`, else a built-in one."""
    if identifier in codes:
        return _parse(codes[identifier])
    if identifier in _EAST_ASIAN_DATES:
        return NumberFormat("date")
    return _parse(_BUILT_IN.get(identifier, "General"))


def render(value: float, shown: NumberFormat, *, base_1904: bool) -> str:
    """A number's text."""
    if shown.kind == "general":
        return _general(value)
    if shown.kind == "number":
        scaled = abs(value) * shown.factor
        digits = f"{scaled:,.{shown.decimals}f}" if shown.grouped else f"{scaled:.{shown.decimals}f}"
        sign = "-" if value < 0 and float(digits.replace(",", "")) else ""
        return f"{sign}{shown.before}{digits}{shown.after}".strip()
    if shown.kind == "duration":
        seconds = round(value * 86_400)
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    return _date(value, shown.kind, base_1904=base_1904)


def _general(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.12g}"


def _date(serial: float, kind: str, *, base_1904: bool) -> str:
    if not 0 <= serial < _LAST_SERIAL:
        return _general(serial)
    if base_1904:
        moment = _EPOCH_1904 + timedelta(days=serial)
    else:
        moment = _EPOCH + timedelta(days=serial + (1 if serial < _LEAP_BUG else 0))
    moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    clock = f"{moment:%H:%M}" if moment.second == 0 else f"{moment:%H:%M:%S}"
    match kind:
        case "time":
            return clock
        case "year":
            return str(moment.year)
        case "month":
            return f"{calendar.month_name[moment.month]} {moment.year}"
        case "datetime" if (moment.hour, moment.minute, moment.second) != (0, 0, 0):
            return f"{moment:%Y-%m-%d} {clock}"
        case _:
            return f"{moment:%Y-%m-%d}"


@lru_cache(maxsize=1024)
def _parse(code: str) -> NumberFormat:
    section = code.partition(";")[0]
    if section.strip().lower() in ("", "general", "@", "standard") or "general" in section.lower():
        return _GENERAL
    if _ELAPSED.search(section):
        return NumberFormat("duration")
    literals: list[str] = []

    def keep(found: re.Match[str]) -> str:
        text = found[1] or found[2] or found[3] or ""
        literals.append(text)
        return _LITERAL_MARK

    bare = _LITERALS.sub(keep, section)
    digits = _PLACEHOLDER.search(bare)
    if not digits:
        return _date_format(bare.replace(_LITERAL_MARK, "").lower())
    if "/" in bare or "e+" in bare.lower() or "e-" in bare.lower():
        return _GENERAL
    return _number(bare, digits, literals)


def _number(bare: str, digits: re.Match[str], literals: list[str]) -> NumberFormat:
    pattern = digits[0]
    whole, _, fraction = pattern.rstrip(",").partition(".")
    scale = len(pattern) - len(pattern.rstrip(","))
    percent = "%" in bare
    remaining = iter(literals)

    def text(part: str) -> str:
        return "".join(next(remaining, "") if c == _LITERAL_MARK else c for c in part if c not in "#?0,.")

    before, after = text(bare[: digits.start()]), text(bare[digits.end() :])
    return NumberFormat(
        kind="number",
        before=before.strip() if before.strip() in "$€£¥" else before,
        after=after.rstrip(),
        decimals=min(sum(c in "0#?" for c in fraction), 12),
        grouped="," in whole,
        factor=(100.0 if percent else 1.0) * 0.001**scale,
    )


def _date_format(code: str) -> NumberFormat:
    has_time = "h" in code or "s" in code
    has_day = "d" in code
    has_year = "y" in code
    if has_time:
        return NumberFormat("datetime" if has_day or has_year else "time")
    if has_year and not has_day:
        return NumberFormat("month" if "m" in code else "year")
    return NumberFormat("date") if has_day or has_year or "m" in code else _GENERAL
