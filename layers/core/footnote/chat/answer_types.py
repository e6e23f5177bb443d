"""What kind of thing a question asks for, and whether a sentence holds one that the question does not.

A sentence that repeats the question without a date does not answer when something was. Questions are known in
seven languages; of German names nothing is known, since all its nouns begin with capitals.
"""

from __future__ import annotations

import re
from typing import Literal

from footnote.knowledge import detect_language

AnswerType = Literal["number", "date", "name", "reason"]

_MONTHS = (
    "january february march april may june july august september october november december "
    "januar februar märz mai juni juli oktober dezember "
    "janvier février mars avril juin juillet août septembre octobre novembre décembre "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
    "gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre "
    "janeiro fevereiro março maio junho julho setembro outubro novembro dezembro "
    "januari februari maart mei augustus"
)
_DATE = re.compile(
    rf"\b(?:1\d{{3}}|20\d\d)s?\b|\b(?:{'|'.join(_MONTHS.split())})\b|\b\d+(?:st|nd|rd|th)\b"
    r"|\b(?:century|jahrhundert\w*|siècle|siglo|secolo|século|eeuw)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d[\d.,]*|%|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|"
    r"million|billion|half|third|quarter|twice|percent|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|deux|"
    r"trois|quatre|cinq|sept|huit|neuf|dix|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|due|tre|quattro|"
    r"cinque|sei|sette|otto|nove|dieci|dois|três|quatro|sete|oito|dez|twee|drie|vijf|zes|zeven|negen|tien)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[\w,;:)] )[\"“«„]?[^\W\d_][\w’'-]+|^[^\W\d_][\w’'-]+(?= [A-ZÀ-Þ])")
_REASON = re.compile(
    r"\b(?:because|since|due to|so that|in order to|as a result|reasons?|caused?|weil|denn|damit|wegen|"
    r"aufgrund|car|parce que|afin|pour que|porque|debido|ya que|perché|poiché|omdat|doordat|zodat|pois|"
    r"devido)\b"
    r"|\bto (?:avoid|prevent|make|be|get|help|protect|keep)\b",
    re.IGNORECASE,
)

_ASKS: tuple[tuple[AnswerType, re.Pattern[str]], ...] = (
    (
        "number",
        re.compile(
            r"\bhow (?:many|much|long|old|far|tall|high|large|big|often|fast|deep|wide)\b"
            r"|\bwhat (?:percent|percentage|number|amount|proportion)\b|\bwie ?viele?\b"
            r"|\bwie (?:lange?|hoch|alt|weit|groß|oft|schnell|teuer)\b|\bcombien\b|\bcuánt[oa]s?\b"
            r"|\bquant[oaie]s?\b|\bhoeveel\b|\bhoe (?:lang|hoog|oud|ver|groot|vaak|snel|duur)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "date",
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade|time)\b|\bwann\b"
            r"|\bwelche[mnrs]? (?:jahr|datum|tag|monat)\b|\bquand\b|\bquelle (?:année|date)\b|\bcuándo\b"
            r"|\bqué (?:año|fecha|día)\b|\bquando\b|\bche anno\b|\bque (?:ano|data|dia)\b|\bwanneer\b"
            r"|\bwelk jaar\b",
            re.IGNORECASE,
        ),
    ),
    (
        "name",
        re.compile(
            r"\bwho(?:m|se)?\b|\bwhere (?:is|are|was|were|do|does|did|can|could|will|would|has|have|had)\b"
            r"|\b(?:what|which) (?:city|country|state|place|region|town|river|area)\b"
            r"|^\W*qui\b|\boù\b|\bquién(?:es)?\b|\bdónde\b|\bchi\b|\bdove\b|\bquem\b|\bonde\b|^\W*wie\b|\bwaar\b",
            re.IGNORECASE,
        ),
    ),
    (
        "reason",
        re.compile(
            r"\bwhy\b|\bwarum\b|\bwieso\b|\bpourquoi\b|\bpor qué\b|\bperché\b|\bpor que\b|\bwaarom\b",
            re.IGNORECASE,
        ),
    ),
)
_HOLDS = {"number": _NUMBER, "date": _DATE, "name": _NAME, "reason": _REASON}


class AskedFor:
    """What a question asks for.

    Args:
        question: The question.

    Attributes:
        type: `None` if it does not say by its form.
    """

    def __init__(self, question: str) -> None:
        kind = next((kind for kind, asks in _ASKS if asks.search(question)), None)
        self.type = None if kind == "name" and detect_language(question) == "de" else kind
        self._words = frozenset(re.findall(r"\w+", question.casefold()))

    def fits(self, sentence: str) -> float:
        """1 for a sentence that holds such a thing beyond the question's own, -1 for one that does not.

        0 where the question does not say what it asks for.
        """
        if self.type is None:
            return 0.0
        found = (match.strip('"“«„.,') for match in _HOLDS[self.type].findall(sentence))
        if self.type == "name":
            found = (word for word in found if word[:1].isupper())
        return 1.0 if any(thing.casefold() not in self._words for thing in found) else -1.0
