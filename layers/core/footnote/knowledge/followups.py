"""Follow-up questions: what is searched for when a message leans on the conversation before it.

Without a language model there is no rewrite; instead the query vector is mixed with that of the turn before,
and a message that points back ("how does it work?") takes the words of the question before along. Measured on
the mtrag set (`tests/evaluation/answers_followups.py`): nDCG@10 .826 with the last message alone, .869 so.
A message that stands on its own is left exactly as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge.language import detect_language
from footnote.models import Embedder, Turn
from footnote.platform.errors import ModelUnavailable

MIXTURE_WEIGHT = 0.5
"""Weight of the conversation's vector beside the question's own (measurements.md, R2)."""

_SHORT_WORDS = 5
_CONTEXT_CHARACTERS = 800  # leaves room for the message in the embedding model's window of 256 word pieces

# Words that point back, and words that go on. Articles are left out where a pronoun looks the same.
_POINTING = {
    "en": "it its they them their theirs this that these those he she him her his hers there one ones such "
    "same former latter both another other others else then too also instead",
    "de": "er ihn ihm ihnen dies diese dieser dieses diesen diesem dort dabei dafür davon damit dazu darüber "
    "solche solcher beide andere anderen auch deren dessen",
    "fr": "il ils elle elles lui leur leurs celui celle ceux celles cela ça ceci cette ces aussi autre "
    "autres",
    "es": "él ella ellos ellas este esta esto estos estas ese esa eso esos esas allí también otro otra otros "
    "otras",
    "it": "esso essa essi esse lui lei loro questo questa questi queste quello quella ciò anche altro altra",
    "pt": "ele ela eles elas isso isto este esta esse essa aquele aquela também outro outra",
    "nl": "hij zij hem haar hun deze dit die daar ervan ermee daarvan ook andere",
    "ru": "он она оно они его её ее их ему ей им это этот эта эти там тоже также другой другие",
}
_GOING_ON = {
    "en": "and but or so why then also yes no ok okay sure more",
    "de": "und aber oder warum wieso also ja nein",
    "fr": "et mais ou pourquoi alors oui non",
    "es": "y pero o entonces sí no",
    "it": "e ma o perché allora sì no",
    "pt": "e mas ou então sim não",
    "nl": "en maar of waarom dus ja nee",
    "ru": "и а но или почему да нет",
}
_WORD = re.compile(r"\w+", re.UNICODE)
_POINTING_WORDS = {language: frozenset(words.split()) for language, words in _POINTING.items()}
_GOING_ON_WORDS = {language: frozenset(words.split()) for language, words in _GOING_ON.items()}
_WHAT_ABOUT = re.compile(
    r"\s*(what about|how about|was ist mit|wie sieht es|et pour|qu'en est-il|qué hay de|y qué)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class StandAloneQuery:
    """What to search for.

    Attributes:
        text: For the lexical leg: the message, after the question before it where it points back.
        conversation: For the mixture: the turn before and the message; `None` for a message on its own.
    """

    text: str
    conversation: str | None = None


def stand_alone(message: str, history: Sequence[Turn]) -> StandAloneQuery:
    """Decides whether `message` depends on `history` (oldest first) and what is searched for then."""
    question = next((turn.text for turn in reversed(history) if turn.actor == "user"), None)
    if question is None:
        return StandAloneQuery(message)
    points_back = _points_back(message)
    if not points_back and len(_WORD.findall(message)) > _SHORT_WORDS:
        return StandAloneQuery(message)
    last = history[-1]
    answer = last.text if last.actor == "assistant" else ""
    # The message comes last, so the turn before is what is cut.
    before = f"{question} {answer}".strip()[:_CONTEXT_CHARACTERS]
    return StandAloneQuery(
        text=f"{question} {message}" if points_back else message, conversation=f"{before} {message}"
    )


async def contextual_query(
    message: str, history: Sequence[Turn], embedder: Embedder
) -> tuple[str, list[float] | None]:
    """What to search for, for a message within a conversation.

    Args:
        message: The member's message.
        history: Earlier turns, oldest first.
        embedder: Only asked about a message that depends on the conversation.

    Returns:
        The text for the lexical leg, and the query vector where it is not simply that of the message; `None`
        also without the embedding model: search then says itself that it is degraded.
    """
    query = stand_alone(message, history)
    if query.conversation is None:
        return query.text, None
    try:
        own, whole = await embedder.embed_queries([message, query.conversation])
    except ModelUnavailable:
        return query.text, None
    return query.text, mixture(own, whole)


def mixture(question: Sequence[float], conversation: Sequence[float]) -> list[float]:
    """`question + .5 * conversation`, of unit length; both are unit vectors of the same model."""
    mixed = [own + MIXTURE_WEIGHT * other for own, other in zip(question, conversation, strict=True)]
    length = math.sqrt(sum(value * value for value in mixed))
    return [value / length for value in mixed] if length else list(question)


def _points_back(message: str) -> bool:
    words = [word.casefold() for word in _WORD.findall(message)]
    if not words:
        return False
    language = detect_language(message)
    pointing = _POINTING_WORDS.get(language, _POINTING_WORDS["en"])
    going_on = _GOING_ON_WORDS.get(language, _GOING_ON_WORDS["en"])
    return words[0] in going_on or not pointing.isdisjoint(words) or _WHAT_ABOUT.match(message) is not None
