"""Two readings side by side: the first difference is the verdict."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.chat.caching.sameness.numbers import MONTHS
from footnote.chat.caching.sameness.reading import Content, Reading, language_of, read

_MONTHS = frozenset(MONTHS.values())
# Prepositions that may stand for each other; empty is the place right before another word.
_INTERCHANGEABLE = tuple(
    frozenset(group)
    for group in (
        {"", "of", "'s", "for"},
        {"", "to", "for"},
        {"", "on"},
        {"", "in"},
        {"on", "for", "of"},
        {"on", "about", "regarding", "concerning"},
        {"in", "at"},
        {"if", "when", ""},
        {"", "de", "du", "des", "d"},
        {"", "del"},
    )
)
_CHANGES_IN_PLACE = 2
_ADVERBS = frozenset({"how", "when", "where", "why"})
_VERB_FINAL = frozenset({"de", "nl"})
_ASK_THE_SAME = ({"", "what"}, {"", "who"})
_SOFT = frozenset(
    {"", "of", "for", "on", "in", "at", "about", "'s", "during", "if", "when", "de", "du", "des"}
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two questions ask the same, and if not, what tells them apart."""

    same: bool
    reason: str = ""


def compare(one: str, other: str) -> Verdict:
    """Whether both questions have the same answer, as far as can be told without understanding them."""
    language = language_of(one, other)
    reason = _difference(read(one, language), read(other, language))
    return Verdict(not reason, reason)


def _difference(a: Reading, b: Reading) -> str:
    """What tells two readings apart; empty where nothing does."""
    checks = (
        ("asks", a.asks == b.asks or {a.asks, b.asks} in _ASK_THE_SAME),
        ("negations", _same_negations(a, b)),
        ("time", a.time == b.time),
        ("modal", a.modal == b.modal),
        ("turning", a.turning == b.turning),
        ("numbers", _same_numbers(a, b)),
        ("content", Counter(_stems(a.content)) == Counter(_stems(b.content))),
        ("nothing to compare", bool(a.content or a.numbers)),
    )
    found = next((name for name, agrees in checks if not agrees), "")
    return found or ("" if _same_roles(a, b) else "roles")


def _same_negations(a: Reading, b: Reading) -> bool:
    """As many, of the same words where they are known."""
    if "" in a.negations or "" in b.negations:
        return len(a.negations) == len(b.negations)
    return a.negations == b.negations


def _same_numbers(a: Reading, b: Reading) -> bool:
    """In the same order; beside a month in any, where "4th" is "4"."""
    if a.numbers == b.numbers:
        return True
    dated = all(_MONTHS & {word.stem for word in reading.content} for reading in (a, b))
    plain = [sorted(number.split()[0].rstrip(".") for number in reading.numbers) for reading in (a, b)]
    return dated and plain[0] == plain[1]


def _same_roles(a: Reading, b: Reading) -> bool:
    """Whether the words stand in the same relations: who does what to whom."""
    first = [word for word in a.content if word.stem not in _MONTHS]
    second = [word for word in b.content if word.stem not in _MONTHS]
    if _stems(first) == _stems(second):
        # "Who hired the manager?" is not "Who was hired by the manager?"
        return (a.by, a.is_passive) == (b.by, b.is_passive) and _changes(first, second) <= _CHANGES_IN_PLACE
    moved_first, moved_second = _between(first, second)
    moved = _moved(moved_first, moved_second)
    if a.by != b.by:  # active and passive: who acts changes the place
        return moved is not None or _stems(moved_first) == _stems(moved_second)[::-1]
    if moved is None or _changes(first, second) > 1:
        return False
    is_whole = len(moved_first) == len(a.content)
    is_verb_final = is_whole and a.asks in _ADVERBS and a.language in _VERB_FINAL and moved.is_one_word
    return a.is_passive != b.is_passive or is_verb_final or _keeps_roles(moved)


def _between(
    first: Sequence[Content], second: Sequence[Content]
) -> tuple[Sequence[Content], Sequence[Content]]:
    """Both without what they begin and end with in common; they differ somewhere."""
    start, end = 0, len(first)
    while first[start].stem == second[start].stem:
        start += 1
    while first[end - 1].stem == second[end - 1].stem:
        end -= 1
    return first[start:end], second[start:end]


def _changes(first: Sequence[Content], second: Sequence[Content]) -> float:
    """How many words have another preposition of the same meaning; infinite where the meaning is another."""
    before, after = _prepositions(first), _prepositions(second)
    pairs = [pair for word, ones in before.items() for pair in zip(ones, after[word], strict=True)]
    changed = [{one, other} for one, other in pairs if one != other]
    same = all(any(pair <= group for group in _INTERCHANGEABLE) for pair in changed)
    return len(changed) if same else math.inf


def _prepositions(words: Sequence[Content]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for word in words:
        found[word.stem].append(word.preposition)
    return found


def _stems(words: Sequence[Content]) -> list[str]:
    return [word.stem for word in words]


@dataclass(frozen=True, slots=True)
class _Move:
    """Two blocks of words that changed places.

    Attributes:
        early: The head of the block that stood first, as it stands in the first and in the second question.
        late: The head of the other one.
        is_one_word: Whether one of the blocks is a single word.
    """

    early: tuple[Content, Content]
    late: tuple[Content, Content]
    is_one_word: bool


def _moved(first: Sequence[Content], second: Sequence[Content]) -> _Move | None:
    """How one block of words went past another, if that is all that happened."""
    stems, others = _stems(first), _stems(second)
    for cut in range(1, len(stems)):
        if stems[cut:] + stems[:cut] == others:
            size = len(stems) - cut
            return _Move((first[0], second[size]), (first[cut], second[0]), cut == 1 or size == 1)
    return None


def _keeps_roles(move: _Move) -> bool:
    """A block may move with its preposition, or say "of" and the like by its place; never both at once.

    Said by its place: "the policy on remote work", "the remote work policy". An article between the blocks
    makes them two things: "the mother of the queen", "the queen, the mother".
    """
    changed = [pair for pair in (move.early, move.late) if pair[0].preposition != pair[1].preposition]
    if not changed:
        return move.early[0].preposition != move.late[0].preposition
    if len(changed) > 1 or not {word.preposition for word in changed[0]} <= _SOFT:
        return False
    if (
        changed[0] is move.late
    ):  # it went to the front: what it passed stands behind it in the second question
        return bool(changed[0][1].preposition) or not move.early[1].article
    return bool(changed[0][0].preposition) or not move.late[0].article
