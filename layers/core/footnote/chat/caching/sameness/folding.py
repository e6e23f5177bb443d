"""From a question to words: case, spelling and punctuation that mean nothing are gone, the rest is kept."""

from __future__ import annotations

import re
import unicodedata

from footnote.chat.caching.sameness.numbers import roman
from footnote.chat.caching.sameness.synonyms import SYNONYMS
from footnote.chat.caching.sameness.words import (
    ARTICLES,
    ASKING,
    EMPTY,
    MODALS,
    SOFT_PREPOSITIONS,
    TENSES,
    TURNING,
)

_TOKEN = re.compile(
    r"(?<!\w)[-−–]?\d[\d.,:/]*(?:st|nd|rd|th)?|\d[\d.,:/]*(?:st|nd|rd|th)?|[^\W\d]+(?:[-'.&][^\W\d]+)*"
    r"|[%€$£°+#]+"
)
_GLUED = re.compile(r"(?<![\w.])(\d[\d.,]*)(?!(?:st|nd|rd|th)\b)([^\W\d_]{1,3})\b")
_HALF_OF_DAY = re.compile(r"(\d)\s*([ap])\.?m\b\.?")
_NOT = re.compile(r"\b(\w+)n't\b")
_MINUS = "-−–"


def fold(question: str) -> str:
    """Lower case, where case says nothing; what looks like a function word but is a name stays apart."""
    text = unicodedata.normalize("NFKC", question).replace("’", "'").replace("‘", "'")
    text = text.replace("can't", "cannot").replace("Can't", "cannot").replace("won't", "will not")
    text = _NOT.sub(r"\1 not", text)
    text = re.sub(r"[\"“”«»„¿¡?!]", " ", text)
    has_case = text != text.upper()
    words = text.split()
    capitals = sum(word[:1].isupper() for word in words[1:])
    is_title = capitals > max(2, 0.6 * (len(words) - 1))
    folded = [
        _fold_word(word, words[at - 1] if at > 1 else "", at == 0, is_title or not has_case)
        for at, word in enumerate(words)
    ]
    return " ".join(folded)


def _fold_word(word: str, before: str, is_first: bool, is_title: bool) -> str:
    bare = word.strip(".,;:()")
    low = bare.casefold()
    if is_title:
        return word.casefold()
    value = roman(bare)
    if value is not None and (len(bare) > 1 or (before[:1].isupper() and before != "I")):
        return value
    is_small = any(
        low in table["en"] for table in (ASKING, TENSES, MODALS, TURNING, SOFT_PREPOSITIONS, ARTICLES, EMPTY)
    )
    is_name = (len(bare) > 1 and bare.isupper()) or (not is_first and bare[:1].isupper() and bare != "I")
    if is_small and is_name:
        return low if low == "may" else f"{low}_name"
    return word.casefold()


def tokens(text: str) -> list[str]:
    """The words, numbers and signs of a folded text."""
    text = re.sub(r"\b(what|who|where|when|why|how|that|there|it)'s\b", r"\1 is", text)
    text = re.sub(r"\b(\w+)'ve\b", r"\1 have", text)
    text = re.sub(r"\bi'(?:m|d|ll)\b", "i", text)
    text = re.sub(r"\b([ldnsjmtc]|qu)'(?=\w)", r"\1 ", text)
    text = _GLUED.sub(r"\1 \2", _HALF_OF_DAY.sub(r"\1 \2m_", text))
    return [part for token in _TOKEN.findall(text) for part in _parts(token) if part]


def _parts(token: str) -> list[str]:
    if token[0].isdigit():
        return [token.rstrip(".,:/")]
    if token[0] in _MINUS:
        return [f"-{token[1:].rstrip('.,:/')}"]
    bare = token.strip(".")
    return [bare] if bare in SYNONYMS else bare.split("-")
