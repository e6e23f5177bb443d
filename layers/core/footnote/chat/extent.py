"""How much of a passage is shown for a chosen sentence: what it cannot be understood without."""

from __future__ import annotations

import re
from collections.abc import Mapping

from footnote.chat.evidence import TermCoverage
from footnote.chat.reading import Sentence

Places = Mapping[tuple[int, int], Sentence]
"""Sentences by passage number and index."""

_LIST_CHARACTERS = 600
_LIST_ITEMS = 8
_MARKED = re.compile(r"[-*•▪◦–]\s|\(?\d{1,3}[.)]\s|\(?[a-z][.)]\s")

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


def leaned_on(sentence: Sentence, places: Places) -> tuple[Sentence, ...]:
    """The sentence before, if this one begins with a pronoun or a connective."""
    before = places.get((sentence.number, sentence.index - 1))
    if before is None or before.is_label or _LEANS.match(sentence.text) is None:
        return ()
    return (before,)


def extent(sentence: Sentence, places: Places, coverage: TermCoverage) -> tuple[int, int]:
    """Span to show: the sentence with the list that it opens, its block of code, or its heading.

    The heading comes along where it holds more of the question than the sentence does; if it is the name of a
    list, so do the items. A question that stands above its answer does not: the member has just asked it.
    """
    if sentence.is_code:
        return _code_block(sentence, places)
    if sentence.text.endswith((":", "：")):
        return sentence.start, _list_end(sentence, places)
    label = places.get((sentence.number, sentence.index - 1)) if sentence.follows_label else None
    if label is None or label.is_question or coverage.of_label(sentence) <= coverage.of_text(sentence):
        return sentence.start, sentence.end
    return label.start, sentence.end if sentence.ends else _list_end(label, places)


def _list_end(opening: Sentence, places: Places) -> int:
    """End of the list below a sentence or heading; the sentence's own end if there is none."""
    end = opening.end
    shape: tuple[bool, bool] | None = None
    for step in range(1, _LIST_ITEMS + 1):
        item = places.get((opening.number, opening.index + step))
        if item is None or item.end - opening.start > _LIST_CHARACTERS:
            break
        found = _MARKED.match(item.text) is not None, item.ends
        if item.is_label or (shape is not None and found != shape):
            break  # the list is over
        shape, end = found, item.end
    return end


def _code_block(sentence: Sentence, places: Places) -> tuple[int, int]:
    """The lines of code around a line, as far as a list would be shown; the nearest first."""
    start, end = sentence.start, sentence.end
    first = last = sentence.index
    grown = True
    while grown:
        grown = False
        before = places.get((sentence.number, first - 1))
        if before is not None and before.is_code and end - before.start <= _LIST_CHARACTERS:
            start, first, grown = before.start, first - 1, True
        after = places.get((sentence.number, last + 1))
        if after is not None and after.is_code and after.end - start <= _LIST_CHARACTERS:
            end, last, grown = after.end, last + 1, True
    return start, end
