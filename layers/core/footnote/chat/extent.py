"""How much of a passage is shown for a chosen sentence: what it cannot be understood without."""

from __future__ import annotations

import re
from collections.abc import Mapping

from footnote.chat.evidence import Sentence, TermCoverage

Places = Mapping[tuple[int, int], Sentence]
"""Sentences by passage number and index."""

_LIST_CHARACTERS = 600
_LIST_ITEMS = 8
_MARKED = re.compile(r"[-*•▪◦–]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s")
_ENDS_SENTENCE = re.compile(r"[.!?。！？؟।]['\"”’»)\]]*$")
_QUESTION_MARKS = ("?", "？", "؟")

# A sentence that begins so leans on the one before it.
_LEANS = re.compile(
    r"\s*(it|its|they|their|them|this|that|these|those|he|she|his|her|such|both|however|therefore|thus|hence|"
    r"moreover|furthermore|also|instead|as a result|in addition|for example|for instance|then|"
    r"er|sie|es|dies\w*|deshalb|daher|jedoch|außerdem|il|elle|ils|elles|cela|cette|ainsi|cependant|"
    r"él|ella|ellos|ellas|esto|esta|este|además|sin embargo|por lo tanto|esso|essa|questo|questa|inoltre|"
    r"tuttavia|isso|isto|ele|ela|além disso|portanto|hij|zij|deze|dit|daarom|echter|"
    r"он|она|оно|они|это|однако|поэтому)\b",
    re.IGNORECASE,
)
# A line of markup or program text means little without the lines around it.
_CODE = re.compile(
    r"\s*(?:<[/!?]?\w[^>]*>|.*[{};]\s*$|.*</\w+>\s*$|[{}\[\]()]+[,;]?\s*$|[\w.]+\(.*\)\s*$|"
    r"(?:def|class|import|from|return|const|let|var|function|public|private|#include)\b)"
)


def leaned_on(sentence: Sentence, places: Places) -> tuple[Sentence, ...]:
    """The sentence before, if this one begins with a pronoun or a connective."""
    before = places.get((sentence.number, sentence.index - 1))
    if before is None or before.is_label or _LEANS.match(sentence.text) is None:
        return ()
    return (before,)


def extent(sentence: Sentence, places: Places, coverage: TermCoverage) -> tuple[int, int]:
    """Span to show: the sentence with the list that it opens, its block of code, or its heading.

    The heading comes along where it holds more of the question than the sentence does. A question that stands
    above its answer does not: the member has just asked it.
    """
    if _is_code(sentence):
        return _code_block(sentence, places)
    start, end = sentence.start, _list_end(sentence, places)
    label = places.get((sentence.number, sentence.index - 1)) if sentence.follows_label else None
    if label is not None and _is_wanted(label, sentence, coverage):
        start = label.start
    return start, end


def _is_wanted(label: Sentence, sentence: Sentence, coverage: TermCoverage) -> bool:
    is_question = label.text.rstrip("\"'”’»)").endswith(_QUESTION_MARKS)
    return not is_question and coverage.of_label(sentence) > coverage.of_text(sentence)


def _list_end(sentence: Sentence, places: Places) -> int:
    """End of the list that a sentence with a colon at its end opens, else the sentence's own end."""
    end = sentence.end
    if not sentence.text.endswith((":", "：")):
        return end
    shape: tuple[bool, bool] | None = None
    for step in range(1, _LIST_ITEMS + 1):
        item = places.get((sentence.number, sentence.index + step))
        if item is None or item.end - sentence.start > _LIST_CHARACTERS:
            break
        found = _MARKED.match(item.text) is not None, _ENDS_SENTENCE.search(item.text) is not None
        if shape is not None and found != shape:
            break  # the list is over
        shape, end = found, item.end
    return end


def _is_code(sentence: Sentence) -> bool:
    return _CODE.match(sentence.text) is not None


def _code_block(sentence: Sentence, places: Places) -> tuple[int, int]:
    """The lines of code around a line, as many as are shown of a list; the nearest first."""
    start, end = sentence.start, sentence.end
    first = last = sentence.index
    grown = True
    while grown:
        grown = False
        before = places.get((sentence.number, first - 1))
        if before is not None and _is_code(before) and end - before.start <= _LIST_CHARACTERS:
            start, first, grown = before.start, first - 1, True
        after = places.get((sentence.number, last + 1))
        if after is not None and _is_code(after) and after.end - start <= _LIST_CHARACTERS:
            end, last, grown = after.end, last + 1, True
    return start, end
