"""What a question asks: its kind, time and numbers, its content words in order with their prepositions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from footnote.chat.caching.sameness.folding import fold, tokens
from footnote.chat.caching.sameness.numbers import MONTHS, joined, number_of
from footnote.chat.caching.sameness.stems import is_ongoing, is_past, stem
from footnote.chat.caching.sameness.synonyms import SYNONYMS, plain
from footnote.chat.caching.sameness.words import (
    ARTICLES,
    ASKING,
    EMPTY,
    LANGUAGES,
    MODALS,
    NEGATIONS,
    PERSONS,
    SOFT_PREPOSITIONS,
    TENSES,
    TURNING,
)

_QUANTITIES = frozenset(
    {"many", "much", "long", "often", "far", "big", "old", "fast", "soon", "late", "hot", "large"}
)
_POSSESSIVE = re.compile(r"'s?$")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_UNGOVERNING = frozenset(
    {"he", "she", "it", "this", "that", "they", "today", "tomorrow", "yesterday", "now", "again", "ago"}
)
_SAID_ALONE = frozenset({"in", "at", "by", "'s", "if", "when"})
_NOBODY: Mapping[str, str] = MappingProxyType({})
_NOT_BE = frozenset({"do", "does", "did", "has", "have", "had", "will", "shall", "'s"})
_BEFORE_ONE = frozenset({*TENSES["en"], *MODALS["en"]})


@dataclass(frozen=True, slots=True)
class Content:
    """A content word: its stem, the preposition before it (empty without), and whether an article is."""

    stem: str
    preposition: str
    article: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A question, understood as far as it goes.

    Attributes:
        language: It was read as.
        asks: `who`, `what`, `how many`, ..., `whether`; empty where nothing is said but what it is about.
        time: `past`, `perfect`, `present` or `future`; with `ongoing` for "is doing".
        modal: `may`, `must`, `should`, `would`, or empty; for `how` always empty.
        negations: What each one denies, the word after it; empty where "isn't it" hides that.
        turning: Small words that change the answer, each as often as it stands there, with what they govern.
        numbers: In order, each with the content word right after it.
        content: In order.
        by: Whether a passive names its agent.
        is_passive: Whether a form of "be" goes with a participle.
    """

    language: str
    asks: str
    time: str
    modal: str
    negations: tuple[str, ...]
    turning: tuple[str, ...]
    numbers: tuple[str, ...]
    content: tuple[Content, ...]
    by: bool
    is_passive: bool


def language_of(*questions: str) -> str:
    """The language that most of the questions' function words belong to; English without any."""
    words = [word for text in questions for word in re.findall(r"[^\W\d]+", text.casefold())]
    tables = (ASKING, NEGATIONS, TENSES, MODALS, SOFT_PREPOSITIONS, ARTICLES, EMPTY)

    def known(language: str) -> int:
        return sum(any(word in table[language] for table in tables) for word in words)

    return max(LANGUAGES, key=known)


def read(question: str, language: str) -> Reading:
    """Reads a question as one of `language`."""
    return _Reader(language).read(question)


class _Reader:
    def __init__(self, language: str) -> None:
        self._language = language
        self._asks = ""
        self._quantity = ""
        self._times: list[str] = []
        self._modals: list[str] = []
        self._negations: list[str] = []
        self._turning: list[str] = []
        self._numbers: list[str] = []
        self._content: list[Content] = []
        self._preposition = ""
        self._article = False
        self._after_be = False
        self._passive = False
        self._by = False
        self._is_past = False
        self._has = False
        self._is_perfect = False
        self._is_ongoing = False
        self._persons: list[str] = []

    def read(self, question: str) -> Reading:
        words = tokens(plain(fold(question)))
        at = 0
        while at < len(words):
            at += self._take(words, at)
        self._strand()
        asks = self._asks or ("whether" if self._times or self._modals else "")
        if self._quantity:
            asks = f"{asks} {self._quantity}"
        return Reading(
            language=self._language,
            asks=asks,
            time=self._time(),
            modal="" if asks == "how" else " ".join(sorted(set(self._modals))),
            negations=tuple(sorted(self._negations)),
            turning=tuple(sorted([*self._turning, *self._addressed()])),
            numbers=tuple(self._numbers),
            content=tuple(self._content),
            by=self._by,
            is_passive=self._passive,
        )

    def _take(self, words: list[str], at: int) -> int:
        """Takes the words from `at` on; how many."""
        word = words[at]
        if self._language == "en" and (number := joined(words[at:])):
            self._number(number[0], words[at + number[1] :])
            return number[1]
        if word == "one" and at and words[at - 1] in _BEFORE_ONE:
            pass  # "how does one ..."
        elif (value := number_of(word, self._language)) is not None:
            self._number(value, words[at + 1 :])
        elif word in MONTHS and self._is_month(words, at):
            self._add(MONTHS[word])
        elif not self._function_word(words, at):
            self._add_word(word)
        return 1

    def _is_month(self, words: list[str], at: int) -> bool:
        """Whether a short form or "may" is a month: it is beside a number and after "in"."""
        if words[at] not in {"may", "jun", "dec", "oct", "nov", "jan", "feb", "apr", "aug", "sep", "jul"}:
            return True
        around = words[max(0, at - 2) : at + 2]
        return any(number_of(word, self._language) for word in around) or (
            at > 0 and words[at - 1] in {"in", "of"}
        )

    def _function_word(self, words: list[str], at: int) -> bool:
        """Takes the word if it says how something is asked, not what about."""
        language, word = self._language, words[at]
        if word in NEGATIONS[language]:
            self._negate(words, at)
        elif (asked := ASKING[language].get(word)) is not None and not (self._asks and asked == "when"):
            self._ask(asked, words, at)
        elif word in {"wie_viele", "hur_många"}:
            self._ask("how many", words, at)
        elif (time := TENSES[language].get(word)) is not None:
            self._times.append(time)
            self._after_be = word not in _NOT_BE
            self._has = self._has or word in {"has", "have"}
            self._is_perfect = self._is_perfect or (word == "been" and self._has)
        elif (modal := MODALS[language].get(word)) is not None:
            self._modals.append(modal)
        else:
            return self._small_word(words, at)
        return True

    def _small_word(self, words: list[str], at: int) -> bool:
        """Takes a preposition, an article, or whatever else is no content word."""
        language, word = self._language, words[at]
        is_article = word in ARTICLES[language]
        if (turning := TURNING[language].get(word)) is not None:
            self._turn(turning, words, at)
        elif word in SOFT_PREPOSITIONS[language] and not (is_article and self._preposition):
            self._strand()
            self._by = self._by or (word == "by" and (self._passive or self._asks == "who"))
            self._preposition = word
        elif is_article:
            self._article = True
        elif (person := PERSONS.get(language, _NOBODY).get(word)) is not None:
            self._persons.append(person)
        else:
            return word in EMPTY[language]
        return True

    def _strand(self) -> None:
        """Notes a preposition that stands alone, as in "what is it for", or before its question word."""
        if self._preposition in SOFT_PREPOSITIONS[self._language] - _SAID_ALONE:
            self._turning.append(f"alone {self._preposition}")
        self._preposition = ""

    def _addressed(self) -> list[str]:
        """Who does what to whom between the one who asks and the one who is asked: "can I see your ..."."""
        persons = [person.split()[0] for person in self._persons]
        if len(set(persons)) > 1:
            return ["persons " + " ".join(dict.fromkeys(persons))]
        return ["to me"] if self._asks == "who" and "first object" in self._persons else []

    def _negate(self, words: list[str], at: int) -> None:
        """Notes what is denied; in "isn't the ..." and "why doesn't he ..." it comes too late to be known."""
        language, word, before = self._language, words[at], words[at - 1] if at else ""
        if language == "fr" and word in {"ne", "n"}:
            return  # "ne ... pas" is one negation
        verbs = TENSES[language].keys() | MODALS[language].keys()
        begins = at < 2 or (at == 2 and ASKING[language].get(words[0], "who") != "who")
        is_turned = begins and ((word == "not" and before in verbs) or word == "cannot")
        self._negations.append("" if is_turned else self._following(words[at + 1 :]))

    def _ask(self, asked: str, words: list[str], at: int) -> None:
        if self._asks:
            if asked != self._asks:
                self._turning.append(f"asks {asked}")
            return
        self._asks = asked
        if self._preposition == "by":
            self._by = True
        self._strand()
        following = words[at + 1] if at + 1 < len(words) else ""
        if self._language == "en" and asked == "how" and following in _QUANTITIES:
            self._quantity = following
            words[at + 1] = "a"

    def _turn(self, turning: str, words: list[str], at: int) -> None:
        if turning in _UNGOVERNING:
            self._turning.append(f"{self._preposition} {turning}".strip())
            self._preposition = ""
            return
        self._turning.append(f"{turning} {self._following(words[at + 1 :])}")
        self._preposition = turning

    def _following(self, words: list[str]) -> str:
        """The first word with a meaning of its own."""
        language = self._language
        small = (ARTICLES, EMPTY, ASKING, SOFT_PREPOSITIONS, TENSES)
        for word in words:
            if not any(word in table[language] for table in small):
                return number_of(word, language) or self._stem(_POSSESSIVE.sub("", word))
        return ""

    def _number(self, value: str, following: list[str]) -> None:
        """With what it counts and its preposition; a year counts nothing and can do without one."""
        before = "" if _YEAR.fullmatch(value) or self._preposition == "of" else self._preposition
        self._preposition = ""
        counted = following[0] if following and not _YEAR.fullmatch(value) else ""
        small = (ARTICLES, EMPTY, ASKING, SOFT_PREPOSITIONS, TENSES, MODALS, TURNING, NEGATIONS)
        is_small = any(counted in table[self._language] for table in small)
        if counted in MONTHS or is_small or number_of(counted, self._language):
            counted = ""
        thing = self._stem(_POSSESSIVE.sub("", counted))
        self._numbers.append(" ".join(filter(None, (value, thing, before))))

    def _add_word(self, word: str) -> None:
        owner = _POSSESSIVE.search(word)
        bare = _POSSESSIVE.sub("", word) if owner else word
        is_participle = is_past(bare, self._language)
        self._is_perfect = self._is_perfect or (is_participle and self._has)
        stands_alone = not (self._preposition or self._article or owner)
        if self._language == "en" and self._after_be and stands_alone and is_ongoing(bare):
            self._is_ongoing = True
        if is_participle and self._after_be:
            self._passive = True
        elif is_participle and not self._times:
            self._is_past = True
        for part in filter(None, bare.split("'")):
            self._add(self._stem(part), "'s" if owner else None)

    def _add(self, stem_: str, preposition: str | None = None) -> None:
        before = self._preposition if preposition is None else preposition
        self._content.append(Content(stem_, before, self._article))
        self._preposition, self._article = "", False

    def _stem(self, word: str) -> str:
        if self._language != "en":
            return stem(word, self._language)
        said = SYNONYMS.get(word)
        if said is None:
            root = stem(word, "en")
            said = SYNONYMS.get(root, SYNONYMS.get(f"{root}e", root))
        return stem(said, "en")

    def _time(self) -> str:
        named = next((time for time in ("future", "past", "present") if time in self._times), "")
        time = named or ("past" if self._is_past else "present")
        if time == "present" and self._is_perfect:
            time = "perfect"
        return f"{time}, ongoing" if self._is_ongoing else time
