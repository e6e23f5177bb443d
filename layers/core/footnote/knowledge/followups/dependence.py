"""Whether a message depends on the conversation before it, and why.

A message depends on it if it points back ("how does it work?"), goes on ("and in winter?"), corrects what was
said, is too short to say what it is about, or speaks of "the program" where the conversation has named one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge.analysis.entities import entities
from footnote.knowledge.followups.vocabulary import (
    ABOUT,
    ARTICLES,
    CHATTER,
    CORRECTION,
    EXPLETIVES,
    GOING_ON,
    OPENING,
    POINTING,
    PRONOUNS,
    UNSPACED,
)
from footnote.knowledge.language import UNDETERMINED, detect_language, function_words
from footnote.models import Turn

_FEW_WORDS = 1
_FRAGMENT_WORDS = 4
_ANTECEDENT_WORDS = 3  # in front of a pronoun: in fewer, it seldom finds what it stands for
_CORRECTED_WORDS = 8
_UNSPACED_FRAGMENT = 6  # characters
_STEM = 5  # letters: enough to know "scams" again in "scammers"
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NAMED = frozenset({"name", "acronym", "code", "quotation"})


@dataclass(frozen=True, slots=True)
class Dependence:
    """Whether a message depends on what was said before, and the reason in words for a person."""

    depends: bool
    reason: str


def dependence(message: str, history: Sequence[Turn]) -> Dependence:
    """Judges `message` against the turns before it, oldest first."""
    if not any(turn.actor == "user" for turn in history):
        return Dependence(False, "It is the first message of the conversation.")
    language = language_within(message, history)
    core = message[match.end() :] if (match := OPENING.match(message)) else message
    core = core if _WORD.search(core) else message
    reason = (
        _unspaced(core, language)
        if language in UNSPACED
        else _points_back(core, language) or _fragment(core, language) or _definite(core, language, history)
    )
    if reason:
        return Dependence(True, reason)
    return Dependence(False, "It says itself what it is about.")


def language_within(message: str, history: Sequence[Turn]) -> str:
    """The language of a message; of the turns before it where the message alone is too short to tell."""
    for text in (message, *(turn.text for turn in reversed(history))):
        language = detect_language(text)
        if language != UNDETERMINED:
            return language
    return UNDETERMINED


def content_words(text: str, language: str) -> list[str]:
    """Words of `text` that carry a topic, as they are written."""
    common = function_words(language) | function_words("en") | CHATTER
    return [
        word
        for word in _WORD.findall(text)
        if word.casefold() not in common and not (len(word) == 1 and word.isalpha() and word.isascii())
    ]


def _points_back(message: str, language: str) -> str | None:
    lowered = message.casefold().replace("’", "'")
    if match := ABOUT.match(lowered):
        return f"It goes on with “{match[0].strip()}”."
    first = next(iter(_WORD.findall(lowered)), "")
    if first in GOING_ON.get(language, GOING_ON["en"]):
        return f"It begins with “{first}”."
    if (expletives := EXPLETIVES.get(language)) is not None:
        lowered = expletives.sub(" ", lowered)
    pointing = POINTING.get(language, POINTING["en"])
    for word in _WORD.finditer(lowered):
        if word[0] in pointing and not _meant_within(word, lowered, language):
            return f"It points back with “{word[0]}”."
    return None


def _meant_within(word: re.Match[str], lowered: str, language: str) -> bool:
    """Whether a pronoun can stand for something in the message itself: "Do nurses feed their ..."."""
    if word[0] not in PRONOUNS:
        return False
    return len(content_words(lowered[: word.start()], language)) >= _ANTECEDENT_WORDS


def _fragment(message: str, language: str) -> str | None:
    words = _WORD.findall(message)
    content = content_words(message, language)
    if CORRECTION.match(message) and len(content) <= _CORRECTED_WORDS:
        return "It corrects what was said before."
    named = any(entity.kind in _NAMED for entity in entities(message, language))
    if named:
        return None
    if len(content) <= _FEW_WORDS and not _defines(message):
        return f"It is too short to say what it is about: “{' '.join(content) or message.strip()}”."
    if len(words) <= _FRAGMENT_WORDS and "?" not in message and len(content) < _FRAGMENT_WORDS:
        return "It is a fragment of a sentence that names nothing."
    return None


_DEFINES = re.compile(r"\W*what(?:'s|’s| is| are) (?:an? )?[^\W\d_]{4,}\W*$", re.IGNORECASE)


def _defines(message: str) -> bool:
    """Whether it asks for a word that it names: "What is an identifier?"."""
    return _DEFINES.match(message) is not None


def _definite(message: str, language: str, history: Sequence[Turn]) -> str | None:
    """As in "Who can join the program?", where a program was spoken of and the message says no more of it."""
    articles = ARTICLES.get(language)
    if articles is None or any(entity.kind in _NAMED for entity in entities(message, language)):
        return None
    said = {word.casefold()[:_STEM] for turn in history[-2:] for word in content_words(turn.text, language)}
    for match in articles.finditer(message):
        words = content_words(match["noun"], language)
        if (
            len(words) == 1
            and match["after"].strip(" ") in {"", "?", ".", "!"}
            and words[0].casefold()[:_STEM] in said
        ):
            return f"It speaks of “{match[0].strip(' ?.!')}”, which the conversation has named."
    return None


def _unspaced(message: str, language: str) -> str | None:
    if match := UNSPACED[language].search(message):
        return f"It points back with “{match[0].strip()}”."
    letters = sum(character.isalnum() for character in message)
    return "It is too short to say what it is about." if letters <= _UNSPACED_FRAGMENT else None
