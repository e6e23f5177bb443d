"""Questions for what something is, and sentences that say so.

Such a question has one content word, which every sentence about the thing holds; the one that defines it is
told by its form: it begins with the thing and a verb of being.
"""

from __future__ import annotations

import re

_ASKS = re.compile(
    r"\s*(?:what|who)(?:\s+(?:is|are|was|were)|['’]s)\s+(?P<en>.+?)"
    r"|\s*what\s+do(?:es)?\s+(?P<meaning>.+?)\s+(?:stand\s+for|mean)"
    r"|\s*(?:was|wer)\s+(?:ist|sind|war|waren)\s+(?P<de>.+?)"
    r"|\s*qu['’]est[- ]ce\s+(?:que|qu['’])\s*(?P<fr>.+?)"
    r"|\s*¿?\s*(?:qué|quién(?:es)?)\s+(?:es|son|fue|era)\s+(?P<es>.+?)"
    r"|\s*(?:che\s+)?(?:cos['’]è|cosa\s+(?:è|sono)|chi\s+è)\s+(?P<it>.+?)"
    r"|\s*(?:o\s+que|quem)\s+(?:é|são|foi)\s+(?P<pt>.+?)"
    r"|\s*(?:wat|wie)\s+(?:is|zijn|was)\s+(?P<nl>.+?)",
    re.IGNORECASE,
)
_ARTICLE = re.compile(
    r"(?:the|an?|der|die|das|eine?|le|la|les|une?|el|los|las|una|il|lo|gli|i|o|os|as|um|uma|de|het|een)\s+|l['’]",
    re.IGNORECASE,
)
_IS = (
    r"(?:is|are|was|were|means|refers to|stands for|short for|denotes|ist|sind|war|waren|bezeichnet|bedeutet|"
    r"est|sont|désigne|es|son|fue|era|significa|è|sono|é|são|foi|zijn|betekent)"
)
_LONGEST_SUBJECT = 5


def definition_of(question: str) -> re.Pattern[str] | None:
    """What a sentence that defines the thing asked for looks like; `None` if no definition is asked for."""
    asked = _ASKS.fullmatch(question.rstrip(" ?!.？"))
    subject = next(filter(None, asked.groups()), "") if asked else ""
    subject = _ARTICLE.sub("", subject, count=1) if _ARTICLE.match(subject) else subject
    if not subject or len(subject.split()) > _LONGEST_SUBJECT:
        return None
    name = r"\s+".join(map(re.escape, subject.split()))
    return re.compile(
        rf"\W*(?:{_ARTICLE.pattern})?{name}s?\W?(?:\s+\([^)]*\))?,?\s+{_IS}\b",
        re.IGNORECASE,
    )
