"""Operators in a query: "phrases", -exclusions and field:value. What is none of them stays text.

Phrases are both required and words of the text. A field is an operator only with a name of the list below and
a value right behind its colon, so that "Note: read this", "std::vector", "10:30" and addresses stay what they
are. A minus is an operator only before a letter and behind white space; at the start of a further line it is
a bullet. Single quotation marks are apostrophes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from footnote.knowledge.analysis.models import Decision
from footnote.knowledge.filters import SearchFilters, TextConstraints
from footnote.knowledge.language import RECOGNISED

_QUOTED = (
    r"\"[^\"\n]{1,400}\"|“[^“”\"\n]{1,400}[”“\"]|„[^„“”\"\n]{1,400}[“”\"]"
    r"|«[^«»\n]{1,400}»|「[^「」\n]{1,400}」"
)
_FIELDS = "title|filename|file|category|tag|source|language|lang|after|before"
_OPERATOR = re.compile(
    rf"""
      (?<![^\s(\[])(?P<field>{_FIELDS}):(?P<value>{_QUOTED}|[^\s\"“”„«»「」:/][^\s\"“”„«»「」]*)
    | (?<![\w:])(?P<minus>(?<!\S)(?<!\n)-)?(?P<quoted>{_QUOTED})(?!\w)
    | (?<!\S)(?<!\n)-(?P<word>[^\W\d_][\w'’]+(?:[./-]\w+)*)(?=[\s,.;!?)]|$)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MOST = 24
_QUOTES = '"“”„«»「」'
_TRAILING = ".,;!?)]"
_HAS_WORD = re.compile(r"[^\W_]")
_SOURCES = frozenset({"upload", "s3", "api", "web", "manual"})
_LANGUAGES = {
    "english": "en", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es",
    "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "português": "pt",
    "dutch": "nl", "nederlands": "nl", "swedish": "sv", "svenska": "sv", "danish": "da", "dansk": "da",
    "norwegian": "no", "norsk": "no", "finnish": "fi", "suomi": "fi", "polish": "pl", "polski": "pl",
    "turkish": "tr", "türkçe": "tr", "russian": "ru", "русский": "ru", "chinese": "zh", "中文": "zh",
    "japanese": "ja", "日本語": "ja", "korean": "ko", "한국어": "ko",
}  # fmt: skip
_TIDY = re.compile(r"[ \t]{2,}")


class _Refused(Exception):
    """A value that its field cannot have; the message says what it should be."""


@dataclass(slots=True)
class Operators:
    """What the operators of a query say.

    Attributes:
        text: The query without them; phrases stay, without their quotation marks.
        only_quoted: Nothing but phrases is searched for.
        spans: Where fields and exclusions stand in the query.
    """

    text: str = ""
    constraints: TextConstraints = field(default_factory=TextConstraints)
    filters: SearchFilters = field(default_factory=SearchFilters)
    decisions: list[Decision] = field(default_factory=list)
    only_quoted: bool = False
    spans: list[tuple[int, int]] = field(default_factory=list)

    def covers(self, at: int) -> bool:
        """Whether the character at `at` of the query is a part of a field or an exclusion."""
        return any(start <= at < end for start, end in self.spans)


def read_operators(query: str) -> Operators:
    """Takes the operators out of `query`; `text` is never empty for a query that is not blank."""
    found = Operators()
    text: list[str] = []
    besides: list[str] = []
    at = 0
    for match in _OPERATOR.finditer(query):
        if len(found.decisions) == _MOST:
            reason = f"No more than {_MOST} operators are read; the rest is ordinary words."
            found.decisions.append(Decision("text", query[at:].strip(), reason))
            break
        shown = _shown(match, found)
        if shown is None:
            continue
        if match["field"] or match["minus"] or match["word"]:
            found.spans.append(match.span())
        besides.append(query[at : match.start()])
        text += [query[at : match.start()], shown]
        at = match.end()
    text.append(query[at:])
    besides.append(query[at:])
    found.text = _TIDY.sub(" ", "".join(text)).strip()
    _keep_in_order(found)
    if not _HAS_WORD.search(found.text):
        _search_for_the_operators(found, query)
    found.only_quoted = bool(found.constraints.phrases) and not _HAS_WORD.search("".join(besides))
    return found


def _shown(match: re.Match[str], found: Operators) -> str | None:
    """What stays of an operator in the text; `None` if it is none after all and stays as it is."""
    if match["field"]:
        return _field(match["field"].casefold(), match["value"], found)
    constraints = found.constraints
    if match["word"]:
        found.constraints = replace(constraints, excluded=(*constraints.excluded, match["word"]))
        found.decisions.append(Decision("exclusion", match["word"], "A minus stands right before the word."))
        return ""
    phrase = " ".join(match["quoted"].strip(_QUOTES).split())
    if not _HAS_WORD.search(phrase):
        return None
    if match["minus"]:
        found.constraints = replace(constraints, excluded=(*constraints.excluded, phrase))
        found.decisions.append(Decision("exclusion", phrase, "A minus stands right before the phrase."))
        return ""
    if phrase not in constraints.phrases:
        found.constraints = replace(constraints, phrases=(*constraints.phrases, phrase))
        found.decisions.append(
            Decision("phrase", phrase, "It is in quotation marks, so it must stand there word for word.")
        )
    return phrase


def _field(name: str, raw: str, found: Operators) -> str | None:
    quoted = raw[0] in _QUOTES
    value = " ".join(raw.strip(_QUOTES).split()) if quoted else raw.rstrip(_TRAILING)
    rest = "" if quoted else raw[len(value) :].lstrip(".,;)]")
    if not _HAS_WORD.search(value):
        return None
    try:
        reason = _FIELDS_READ[name](value, found)
    except _Refused as refused:
        found.decisions.append(
            Decision("text", f"{name}:{value}", f"{refused} It is read as ordinary words.")
        )
        return None
    found.decisions.append(Decision("filter", f"{name}:{value}", reason))
    return rest


def _title(value: str, found: Operators) -> str:
    words = tuple(word for word in value.split() if _HAS_WORD.search(word))
    found.constraints = replace(found.constraints, title=(*found.constraints.title, *words))
    return "Only documents with these words in their title."


def _filename(value: str, found: Operators) -> str:
    found.constraints = replace(found.constraints, filename=(*found.constraints.filename, value))
    return "Only files with this in their name."


def _category(value: str, found: Operators) -> str:
    if found.filters.category not in {None, value}:
        raise _Refused(f"A document has one category, and “{found.filters.category}” is asked for already.")
    found.filters = replace(found.filters, category=value)
    return "Only documents of this category."


def _tag(value: str, found: Operators) -> str:
    if value not in found.filters.tags:
        found.filters = replace(found.filters, tags=(*found.filters.tags, value))
    return "Only documents with this tag."


def _source(value: str, found: Operators) -> str:
    source = value.casefold()
    if source not in _SOURCES:
        raise _Refused(f"There is no source “{value}”; there are {', '.join(sorted(_SOURCES))}.")
    found.filters = replace(found.filters, source=source)
    return "Only documents that came this way."


def _language(value: str, found: Operators) -> str:
    lowered = value.casefold()
    code = _LANGUAGES.get(lowered, lowered)
    if code not in RECOGNISED:
        raise _Refused(f"“{value}” is no code of a language that is recognised, such as en or de.")
    found.filters = replace(found.filters, language=code)
    return "Only documents in this language."


def _after(value: str, found: Operators) -> str:
    found.filters = replace(found.filters, date_from=datetime.combine(_day(value), time.min, UTC))
    return "Only documents of this day and later (UTC)."


def _before(value: str, found: Operators) -> str:
    end = datetime.combine(_day(value), time.min, UTC)
    found.filters = replace(found.filters, date_to=end - timedelta(microseconds=1))
    return "Only documents from before this day (UTC)."


def _day(value: str) -> date:
    try:
        day = date.fromisoformat(value) if len(value) == 10 else None
    except ValueError:
        day = None
    if day is None or day == date.min:
        raise _Refused(f"“{value}” is no date of the form YYYY-MM-DD.")
    return day


_FIELDS_READ = {
    "title": _title,
    "filename": _filename,
    "file": _filename,
    "category": _category,
    "tag": _tag,
    "source": _source,
    "language": _language,
    "lang": _language,
    "after": _after,
    "before": _before,
}


def _keep_in_order(found: Operators) -> None:
    start, end = found.filters.date_from, found.filters.date_to
    if start is not None and end is not None and start > end:
        found.filters = replace(found.filters, date_from=None, date_to=None)
        reason = "“after” is not earlier than “before”, so no document could be meant; neither is applied."
        found.decisions.append(Decision("filter", "after, before", reason))


def _search_for_the_operators(found: Operators, query: str) -> None:
    """Words for a query of operators only: those of its fields; exclusions alone are no exclusions."""
    constraints, filters = found.constraints, found.filters
    named = (filters.category, *filters.tags, filters.source, filters.language)
    words = [*constraints.title, *constraints.filename, *(name for name in named if name)]
    dates = (filters.date_from, filters.date_to)
    words = words or [day.date().isoformat() for day in dates if day is not None]
    found.text = " ".join(words)
    reason = "Nothing but fields was given, so their values are searched for as well."
    if not found.text:
        found.constraints, found.spans = TextConstraints(), []
        found.text = query.strip()
        reason = "Nothing is left to be searched for, so the query is read as ordinary words."
    found.decisions.append(Decision("text", found.text, reason))
