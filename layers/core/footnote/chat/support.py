"""How far a text supports what a sentence claims, by words alone.

    support = sqrt(words) * numbers^2 * names^2 * (0.4 where one of both is negated)

each a share of the claim's that the text holds. Words are compared by their first letters, which stands in
for stemming in the languages that inflect by endings; scripts without spaces by pairs of characters. Figures
and names are what a wrong sentence gets wrong while all its other words are right.
`tests/evaluation/grounding.py` measures it and the thresholds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge import lexical_form, sentence_spans

SUPPORTED = 0.7
"""Support from which a text supports a claim."""

PARTLY_SUPPORTED = 0.45
"""Support from which it supports a part of it."""

_STEM = 5
_NEGATION_FACTOR = 0.4
_COMPARABLE = (
    0.5  # share of a negated claim's words in a sentence from which the latter should be negated too
)
_NEARLY_SAME = 0.8  # the same for a claim that is not negated: paraphrases do without the negation
_TITLE_CASE = 0.6

_WORD = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LIST_MARK = re.compile(r"^\W*\(?\d{1,3}[.)]\s+|\s\(?\d{1,3}[.)]\s*$")
_LATER_WORD = re.compile(r"(?<=[\w,;)] )[^\W\d_][\w’'-]+")
_STOP_WORDS = (
    "the and for are was were that this with from have has had not but which also been its their they you "
    "your will would can could may into than then when where what who how there these those such more most "
    "other some der die das und ist ein eine nicht les des est une que qui pour dans los las del con por "
    "para una"
)
_STOP = frozenset(_STOP_WORDS.split())
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_ONES.split())} | {
    word: str(10 * number) for number, word in enumerate(_TENS.split(), 3)
}
_NOUNS_ARE_CAPITAL = frozenset({"de", "lb"})

_NEGATIONS = {
    "en": r"\bnot(?! (?:only|just|merely|necessarily)\b)|\bno\b(?!,)|n['’]t\b"
    r"|\b(?:never|none|neither|nor|cannot|without|nothing|nobody)\b",
    "de": r"\b(?:nicht(?! nur\b)|kein\w*|nie|niemals|niemand|nichts|ohne|weder)\b",
    "fr": r"\b(?:ne|pas|jamais|aucune?|sans|rien|personne|ni)\b|\bn['’]",
    "es": r"\b(?:no(?! (?:solo|sólo)\b)|nunca|jamás|ningun[oa]?|ningún|sin|nada|nadie|ni)\b",
    "it": r"\b(?:non(?! solo\b)|mai|nessun\w*|senza|niente|nulla|né)\b",
    "pt": r"\b(?:não(?! (?:só|apenas)\b)|nunca|jamais|nenhum\w*|sem|nada|ninguém|nem)\b",
    "nl": r"\b(?:niet(?! alleen\b)|geen|nooit|niemand|niets|zonder|noch)\b",
}
_NEGATION = {language: re.compile(pattern, re.IGNORECASE) for language, pattern in _NEGATIONS.items()}
_EITHER_WAY = re.compile(r"\b(?:whether )?or not\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """What of a text can be compared.

    Attributes:
        terms: See `content_terms`.
        numbers: As they are written, without separators of thousands; number words as figures.
        names: Terms of words with a capital inside of a sentence.
        negated: It says that something is not so.
    """

    terms: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negated: bool


def content_terms(text: str) -> frozenset[str]:
    """Comparable forms of the words that carry meaning, and all numbers."""
    return frozenset(ordered_terms(text))


def ordered_terms(text: str) -> list[str]:
    """The same as often as they stand there, in their order."""
    words = (word.casefold() for word in _WORD.findall(lexical_form(text)))
    return [
        word[:_STEM]
        for word in words
        if word not in _STOP and (len(word) > 2 or any(c.isdigit() for c in word) or ord(word[0]) > 0x2E7F)
    ]


def wording(text: str, language: str = "und") -> Wording:
    """Takes a claim or a sentence apart.

    Args:
        text: Without citation marks.
        language: ISO 639-1 code; negations of a language without rules are sought as in English.
    """
    text = _LIST_MARK.sub(" ", text)
    names = [word for word in _LATER_WORD.findall(text) if word[0].isupper()]
    if language in _NOUNS_ARE_CAPITAL or len(names) > _TITLE_CASE * len(text.split()):
        names = []
    negation = _NEGATION.get(language, _NEGATION["en"])
    return Wording(
        terms=content_terms(text),
        numbers=frozenset(number.replace(",", "").lstrip("0") or "0" for number in _NUMBER.findall(text)),
        names=frozenset(term for name in names for term in content_terms(name)),
        negated=negation.search(_EITHER_WAY.sub(" ", text)) is not None,
    )


class Ground:
    """A text that claims are held against, taken apart once.

    Args:
        text: The text.
        title: Of the document, whose words count as the text's.
        language: ISO 639-1 code or `und`.
    """

    def __init__(self, text: str, title: str = "", language: str = "und") -> None:
        self.language = language
        self.text = text
        self.spans: Sequence[tuple[int, int]] = sentence_spans(text) or [(0, len(text))]
        self._sentences = [wording(text[start:end], language) for start, end in self.spans]
        self._terms = content_terms(title).union(*(sentence.terms for sentence in self._sentences))
        self._numbers = wording(title).numbers.union(*(sentence.numbers for sentence in self._sentences))
        words = (word.casefold() for word in _WORD.findall(text))
        self._numbers |= {_NUMBER_WORDS[word] for word in words if word in _NUMBER_WORDS}

    def words(self, claim: Wording) -> float:
        """Share of the claim's words that the text holds, 0..1; 1 for a claim without any."""
        return _share(claim.terms, self._terms)

    def closeness(self, claim: Wording) -> float:
        """Of words, numbers and names alike, whether the text contradicts the claim or not; 0..1."""
        numbers, names = _share(claim.numbers, self._numbers), _share(claim.names, self._terms)
        return 0.5 * self.words(claim) + 0.25 * numbers + 0.25 * names

    def facts(self, claim: Wording) -> float:
        """How far the text holds the claim's numbers and names, 0..1."""
        return _share(claim.numbers, self._numbers) ** 2 * _share(claim.names, self._terms) ** 2

    def contradicts(self, claim: Wording) -> bool:
        """A number or name of the claim is not in the text, or only one of both is negated."""
        return self.facts(claim) < 1.0 or self._negation_differs(claim)

    def support(self, claim: Wording) -> float:
        """How far the text supports the claim, 0..1."""
        factor = _NEGATION_FACTOR if self._negation_differs(claim) else 1.0
        return math.sqrt(self.words(claim)) * self.facts(claim) * factor

    def best_sentence(self, claim: Wording) -> int:
        """Index of the sentence that shares most with the claim."""
        return max(range(len(self.spans)), key=lambda index: self._shared(index, claim))

    def _shared(self, index: int, claim: Wording) -> float:
        sentence = self._sentences[index]
        return _share(claim.terms, sentence.terms) + _share(claim.numbers, sentence.numbers)

    def _negation_differs(self, claim: Wording) -> bool:
        sentence = self._sentences[self.best_sentence(claim)]
        limit = _COMPARABLE if claim.negated else _NEARLY_SAME
        return sentence.negated != claim.negated and _share(claim.terms, sentence.terms) > limit


def lexical_support(claim: str, text: str) -> float:
    """How far `text` supports `claim`, 0..1."""
    return Ground(text).support(wording(claim))


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 1.0
