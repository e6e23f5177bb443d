"""What may count besides the text of a passage: how new its document is, and whether its title fits."""

from __future__ import annotations

import re
from datetime import datetime

from footnote.knowledge.lexical import lexical_form

_WORD = re.compile(r"\w+", re.UNICODE)
_STEM = 5
_SHORTEST = 3
_DAY_S = 86_400


def freshness(updated_at: datetime | None, now: datetime, half_life_days: float) -> float:
    """1 for a document of this moment, .5 after a half-life; 0 for an unknown age."""
    if updated_at is None:
        return 0.0
    age_days = max(0.0, (now - updated_at).total_seconds() / _DAY_S)
    return float(0.5 ** (age_days / half_life_days))


def title_match(query: str, title: str) -> float:
    """Share of the title's words that the query has, compared by their first letters; 0..1."""
    words = _words(title)
    return len(words & _words(query)) / len(words) if words else 0.0


def _words(text: str) -> frozenset[str]:
    found = (word.casefold() for word in _WORD.findall(lexical_form(text)))
    return frozenset(word[:_STEM] for word in found if len(word) >= _SHORTEST or not word.isascii())
