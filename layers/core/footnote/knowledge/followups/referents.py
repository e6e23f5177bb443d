"""What a message that depends on the conversation is about: turns it leans on, and things they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from footnote.knowledge.analysis.entities import entities
from footnote.knowledge.followups.dependence import content_words, dependence
from footnote.knowledge.followups.vocabulary import CHATTER
from footnote.knowledge.language import function_words
from footnote.models import Turn

_CHAIN = 3
_ANSWER_CHARACTERS = 400  # of the answer's beginning: what it is about stands there
_PHRASE_WORDS = 4
_STEM = 5
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NAMED = frozenset({"name", "acronym", "code", "quotation"})


@dataclass(frozen=True, slots=True)
class Topic:
    """The turns a message leans on.

    Attributes:
        question: The last question that says something, after those before it that it leans on itself.
        answer: What was answered to it; may be empty.
    """

    question: str
    answer: str


def topic(history: Sequence[Turn], language: str) -> Topic:
    """What the conversation is about at its end; thanks and remarks without a topic are passed over."""
    asked = [at for at, turn in enumerate(history) if turn.actor == "user"]
    while len(asked) > 1 and not content_words(history[asked[-1]].text, language):
        asked.pop()
    if not asked:
        return Topic("", "")
    at = asked[-1]
    answer = history[at + 1].text if at + 1 < len(history) and history[at + 1].actor != "user" else ""
    chain = [history[at].text]
    for earlier in reversed(asked[-_CHAIN:-1]):
        if not dependence(chain[0], history[:at]).depends:
            break
        chain.insert(0, history[earlier].text)
        at = earlier
    return Topic(" ".join(chain), answer)


@dataclass(frozen=True, slots=True)
class Referent:
    """A thing that the conversation named; a higher `salience` is likelier meant."""

    text: str
    salience: float


def referents(message: str, about: Topic, language: str) -> list[Referent]:
    """What the topic names and the message does not, likeliest first."""
    own = {stem(word) for word in content_words(message, language)}
    answered = {stem(word) for word in content_words(about.answer[:_ANSWER_CHARACTERS], language)}
    found: dict[str, Referent] = {}
    for text, named in _phrases(about.question, language):
        _add(found, text, own, 1.0 + _rank(text, named, answered))
    for text, named in _phrases(about.answer[:_ANSWER_CHARACTERS], language):
        if named:
            _add(found, text, own, _rank(text, named, set()))
    return sorted(found.values(), key=lambda referent: -referent.salience)


def stem(word: str) -> str:
    """Enough of a word to know it again with another ending."""
    return word.casefold()[:_STEM]


def _add(found: dict[str, Referent], text: str, own: set[str], salience: float) -> None:
    words = {stem(word) for word in _WORD.findall(text)}
    if words and not words <= own and text.casefold() not in found:
        found[text.casefold()] = Referent(text, salience)


def _rank(text: str, named: bool, answered: set[str]) -> float:
    """Names, things that the answer speaks of as well, and long words, which are rare ones."""
    words = _WORD.findall(text)
    shared = sum(stem(word) in answered for word in words) / len(words) if words else 0.0
    length = min(max((len(word) for word in words), default=0), 12) / 12
    return (0.6 if named else 0.0) + 0.4 * shared + 0.5 * length


def _phrases(text: str, language: str) -> Iterator[tuple[str, bool]]:
    """Names, and runs of words that carry a topic, with whether it is a name."""
    covered = [(entity.start, entity.end) for entity in entities(text, language) if entity.kind in _NAMED]
    for start, end in covered:
        yield text[start:end].strip('"“”„«»`'), True
    common = function_words(language) | function_words("en") | CHATTER
    run: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        is_common = word[0].casefold() in common or any(start <= word.start() < end for start, end in covered)
        glued = run and text[run[-1].end() : word.start()] == " "
        if run and (is_common or not glued or len(run) == _PHRASE_WORDS):
            yield text[run[0].start() : run[-1].end()], False
            run = []
        if not is_common and (len(word[0]) > 1 or not word[0].isascii()):
            run.append(word)
    if run:
        yield text[run[0].start() : run[-1].end()], False
