r"""Answer metrics of section 14.2. Every function scores one answer by its text and what it cites.

Words are compared as SQuAD's evaluation does: lower-cased, without punctuation and English articles.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from footnote.chat import SUPPORTED, content_terms, lexical_support
from footnote.knowledge import sentence_spans

_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"\w+", re.UNICODE)
_CITATION = re.compile(r"\s?\[(\d{1,3})\]")
_LEADING_CITATIONS = re.compile(r"\s*(?:\[\d{1,3}\]\s*)+")
_LIST_MARK = re.compile(r"\W*\d{1,3}[.)]")  # a splitter takes it for a sentence
_ENDED = re.compile(r"[.!?…:;。！？؟।]['\"”’»)\]]*$")
_BEGUN = re.compile(r"^['\"“‘«(\[*-]*\s*[^\W_]", re.UNICODE)


def normalise_answer(text: str) -> tuple[str, ...]:
    """Lower-cased words without punctuation and English articles (SQuAD's normalisation)."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return tuple(word for word in words if word not in _ARTICLES)


def without_citations(answer: str) -> str:
    """The answer as a person would say it, without `[1]`."""
    return _CITATION.sub("", answer).strip()


def answer_contained(answer: str, golden: Sequence[str]) -> bool:
    """Whether one of the golden answers stands in `answer` as whole words."""
    words = normalise_answer(answer)
    return any(_contains(words, normalise_answer(gold)) for gold in golden)


def _contains(words: tuple[str, ...], gold: tuple[str, ...]) -> bool:
    size = len(gold)
    return size > 0 and any(words[at : at + size] == gold for at in range(len(words) - size + 1))


def completeness(answer: str, golden: Sequence[str]) -> float:
    """Share of a golden answer's words that the answer holds, 0..1; the best over all golden answers."""
    return max((_overlap(answer, gold)[1] for gold in golden), default=0.0)


def token_f1(answer: str, golden: Sequence[str]) -> float:
    """Harmonic mean of precision and recall of a golden answer's words (SQuAD's F1); the best of all."""
    return max((_overlap(answer, gold)[2] for gold in golden), default=0.0)


def _overlap(answer: str, gold: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of the answer's words, counted with repetition."""
    said, wanted = normalise_answer(without_citations(answer)), normalise_answer(gold)
    shared = sum((Counter(said) & Counter(wanted)).values())
    if not shared:
        return 0.0, 0.0, 0.0
    share_said, share_wanted = shared / len(said), shared / len(wanted)
    return share_said, share_wanted, 2 * share_said * share_wanted / (share_said + share_wanted)


def question_coverage(question: str, answer: str) -> float:
    """Share of the question's content words that the answer takes up, 0..1; 1 for a question without any."""
    asked = content_terms(question)
    return len(asked & content_terms(without_citations(answer))) / len(asked) if asked else 1.0


def faithfulness(answer: str, evidence: Mapping[int, Sequence[str]]) -> float | None:
    """Share of the answer's sentences that are supported by what they cite, 0..1.

    A sentence is supported if the passages it cites hold enough of its words and all of its numbers
    (`footnote.chat.lexical_support`). A sentence that cites nothing is not supported.

    Args:
        answer: With its citation marks `[n]`.
        evidence: What is known of source `n`: its evidence and excerpt.

    Returns:
        `None` for an answer that says nothing.
    """
    sentences = cited_sentences(answer)
    if not sentences:
        return None
    supported = 0
    for sentence, numbers in sentences:
        texts = [text for number in numbers for text in evidence.get(number, ())]
        together = [*texts, "\n".join(texts)] if texts else []
        supported += any(lexical_support(sentence, text) >= SUPPORTED for text in together)
    return supported / len(sentences)


def cited_sentences(answer: str) -> list[tuple[str, tuple[int, ...]]]:
    """The answer's sentences without citation marks, each with the numbers it cites.

    A mark after the full stop belongs to the sentence before it.
    """
    found: list[tuple[str, tuple[int, ...]]] = []
    for start, end in sentence_spans(answer):
        piece = answer[start:end]
        leading = _LEADING_CITATIONS.match(piece)
        if leading and found:
            text, numbers = found[-1]
            found[-1] = (text, numbers + _numbers(leading[0]))
            piece = piece[leading.end() :]
        text = without_citations(piece)
        if _WORD.search(text) and not _LIST_MARK.fullmatch(text):
            found.append((text, _numbers(piece)))
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _CITATION.findall(text))


def fluency(answer: str) -> float | None:
    """Share of sentences that begin and end as sentences do and are not said twice, 0..1.

    A measure of form alone. `None` for an answer that says nothing.
    """
    sentences = [text for text, _ in cited_sentences(answer)]
    if not sentences:
        return None
    seen: set[tuple[str, ...]] = set()
    good = 0
    for sentence in sentences:
        words = normalise_answer(sentence)
        good += bool(_BEGUN.match(sentence) and _ENDED.search(sentence) and words not in seen)
        seen.add(words)
    return good / len(sentences)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Cosine of two unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True))
