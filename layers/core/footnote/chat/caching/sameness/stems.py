"""Inflection taken off: number of nouns, forms of verbs. Never derivation: employer and employee stay two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_IRREGULAR = """
build built | buy bought | write wrote written | sell sold | send sent | pay paid | make made | find
found | give gave given | take took taken | begin began begun | win won | lose lost | lead led | leave
left | get got gotten | hold held | keep kept | meet met | say said | see saw seen | speak spoke spoken
| spend spent | teach taught | tell told | think thought | understand understood | wear wore worn | know
knew known | grow grew grown | fall fell fallen | rise rose risen | choose chose chosen | come came | go
went gone | run ran | eat ate eaten | drive drove driven | break broke broken | bring brought | catch
caught | draw drew drawn | fly flew flown | forget forgot forgotten | become became | bear born | beat
beaten | hide hid hidden | lay laid | steal stole stolen | fight fought | forbid forbade forbidden | use
used uses | man men | woman women | child children | foot feet | person people | mouse mice | tooth
teeth | criterion criteria | datum data | index indices | matrix matrices | analysis analyses | crisis
crises
"""
# What only looks inflected.
_KEPT_WORDS = """
news was is this his gas bus plus status virus always process access address class business analysis
basis boss pass press less dress express success compress series species lens its os as us yes thus
various previous during thing king ring spring string evening morning wing bring being ceiling
nothing something anything everything red bed need feed speed seed shed embed weed breed bleed
exceed proceed succeed indeed hundred wed fed led sacred
"""
_KEPT = frozenset(_KEPT_WORDS.split())
# Forms in -ing that are things.
_NOUN_WORDS = """
meaning opening closing building meeting training parking funding booking heating cooling shipping pricing
billing marketing warning housing clothing lighting hearing rating reading wiring
"""
_NOUNS = frozenset(_NOUN_WORDS.split())


# British and American.
_SPELLINGS = (
    (re.compile(r"is(e|es|ed|ing|ation|ations)$"), r"iz\1"),
    (re.compile(r"our(s?)$"), r"or\1"),
)
# Ending, the length that a word must exceed, and what stands in its place; the first that fits.
_ENDINGS = (
    ("sses", 4, "ss"), ("xes", 4, "x"), ("ches", 4, "ch"), ("shes", 4, "sh"), ("ss", 3, "ss"),
    ("us", 3, "us"), ("is", 3, "is"), ("ies", 4, "y"), ("ied", 4, "y"), ("ing", 5, ""),
    ("ed", 4, ""), ("s", 3, ""),
)  # fmt: skip


def _irregular() -> Mapping[str, str]:
    groups = [group.split() for group in _IRREGULAR.split("|")]
    return MappingProxyType({form: group[0] for group in groups for form in group})


IRREGULAR = _irregular()
_PLURALS = frozenset(
    {"men", "women", "children", "feet", "people", "mice", "teeth", "criteria", "data", "indices", "matrices"}
)
_SAME_IN_THE_PAST = frozenset({"put", "cut", "set", "shut", "read"})
_PAST_FORMS = _SAME_IN_THE_PAST | {
    form for form, base in IRREGULAR.items() if form not in {base, *_PLURALS} and not form.endswith("s")
}


def stem(word: str, language: str) -> str:
    """The word without its inflection; elsewhere than in English only the commonest plurals."""
    if language == "en":
        return _english(word)
    if language in {"fr", "es", "pt"} and len(word) > 4 and word.endswith("s"):
        return word[:-1]
    if language in {"de", "nl"} and len(word) > 4:
        return re.sub(r"(?:en|e|n)$", "", word)
    return word


def is_past(word: str, language: str) -> bool:
    """Whether an English word is a past form or a participle."""
    if language != "en":
        return False
    return word in _PAST_FORMS or (len(word) > 4 and word.endswith("ed") and word not in _KEPT)


def is_ongoing(word: str) -> bool:
    """Whether an English word is a form in -ing of a verb."""
    return len(word) > 5 and word.endswith("ing") and word not in _KEPT and word not in _NOUNS


def _english(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 3 or word in _KEPT or not word.isascii() or "_" in word:
        return word
    for spelling, replacement in _SPELLINGS:
        if len(word) > 5:
            word = spelling.sub(replacement, word)
    for ending, least, replacement in _ENDINGS:
        if word.endswith(ending) and len(word) > least:
            return _undouble(word.removesuffix(ending) + replacement)
    return _undouble(word)


def _undouble(word: str) -> str:
    """One form for "stop", "stopp" and "store", "stor": without a doubled consonant and a silent e."""
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl":
        return word[:-1]
    word = word[:-1] if len(word) > 3 and word.endswith("e") else word
    return word[:-1] + "i" if word.endswith("y") else word
