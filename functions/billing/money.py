"""Amounts of micro-USD as people read them."""

from __future__ import annotations

_CENT = 10_000


def dollars(micro_usd: int) -> str:
    """Dollars and cents; as many digits as it takes where it is less than a dollar."""
    sign = "-" if micro_usd < 0 else ""
    amount = abs(micro_usd)
    if amount >= 1_000_000 or amount == 0:
        cents = (amount + _CENT // 2) // _CENT
        return f"{sign}${cents // 100:,}.{cents % 100:02}"
    digits = f"{amount:06}".rstrip("0")
    return f"{sign}$0.{digits:0<2}"
