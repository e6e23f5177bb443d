"""What is said instead of an answer, or of a part of it, in the language of the question."""

from __future__ import annotations

from collections.abc import Sequence

_QUOTED_CHARACTERS = 120

_NOTHING = {
    "en": "The documents do not say anything that answers “{}”.",
    "de": "Die Dokumente sagen nichts, was „{}“ beantwortet.",
    "fr": "Les documents ne disent rien qui réponde à « {} ».",
    "es": "Los documentos no dicen nada que responda a «{}».",
    "it": "I documenti non dicono nulla che risponda a «{}».",
    "pt": "Os documentos não dizem nada que responda a “{}”.",
    "nl": "De documenten zeggen niets dat “{}” beantwoordt.",
}
_PARTLY = {
    "en": "The documents do not say anything about this part of the question: {}.",
    "de": "Zu diesem Teil der Frage sagen die Dokumente nichts: {}.",
    "fr": "Les documents ne disent rien sur cette partie de la question : {}.",
    "es": "Los documentos no dicen nada sobre esta parte de la pregunta: {}.",
    "it": "I documenti non dicono nulla su questa parte della domanda: {}.",
    "pt": "Os documentos não dizem nada sobre esta parte da pergunta: {}.",
    "nl": "De documenten zeggen niets over dit deel van de vraag: {}.",
}
_QUOTES = {"de": "„{}“", "fr": "« {} »", "es": "«{}»", "it": "«{}»"}


def abstention(question: str, language: str = "en") -> str:
    """What is said instead of an answer; in English where the language has no words of its own here."""
    return _NOTHING.get(language, _NOTHING["en"]).format(_quoted(question))


def remainder(parts: Sequence[str], language: str = "en") -> str:
    """What is said of the parts of a question that the documents do not answer, at least one."""
    quotes = _QUOTES.get(language, "“{}”")
    named = ", ".join(quotes.format(_quoted(part)) for part in parts)
    return _PARTLY.get(language, _PARTLY["en"]).format(named)


def _quoted(text: str) -> str:
    """On one line, shortened between words, and without what would read as a citation."""
    line = " ".join(text.replace("[", "(").replace("]", ")").split())
    if len(line) > _QUOTED_CHARACTERS:
        line = line[:_QUOTED_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
    return line
