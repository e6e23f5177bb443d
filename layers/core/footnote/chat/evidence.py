"""How well each sentence of the passages answers a question.

Score of a sentence:

    cosine(question, sentence) + .75 * coverage + .8 * passage score + .08 * answer type + .15 * pairs

where the cosine is that of the sentence within its passage, and coverage is the idf-weighted share of the
question's terms that the sentence holds. Terms that stand only in the sentence before it, in the heading
above it or in the document's title count .6, because a sentence rarely repeats what it is about. The answer
type is 1 where the sentence holds the kind of thing that is asked for and -1 where it does not; pairs are the
question's neighbouring words that are neighbours in the sentence. A sentence that only repeats words of the
question falls behind. What a question calls a row or a page is not what it is about: such words do not count
where no passage holds them.
`tests/evaluation/answers_calibration.py` measures it; the optimum is flat: .6 to 1 for either weight.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from footnote.chat.answer_types import AskedFor
from footnote.chat.definitions import definition_of
from footnote.chat.question_words import QuestionWords, names_a_form
from footnote.chat.reading import Sentence
from footnote.knowledge import TermAnalysis
from footnote.models import PromptPassage, SentenceScore

CONTEXTUAL_WEIGHT = 1.0
COSINE_WEIGHT = 0.5
"""Of a sentence embedded by itself, where none of its vectors is stored."""
COVERAGE_WEIGHT = 0.75
PASSAGE_WEIGHT = 0.8
TYPE_WEIGHT = 0.08
PAIRS_WEIGHT = 0.15
NOTHING_NEW = 0.3
CONTEXT_WEIGHT = 0.6
DEFINITION_BONUS = 0.15
EARLIER_WEIGHT = 0.25
"""Of terms that only the question before holds: enough to keep the topic, too little to answer it again."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its scores.

    Attributes:
        cosine: Of the question and the sentence; `None` where it is not known.
        topic_cosine: The better one of it and of the question within its conversation.
        is_definition: The question asks what something is, and the sentence says what.
        fits: 1 if the sentence holds the kind of thing that is asked for, -1 if not, 0 if that is open.
        pairs: Share of the question's neighbouring words that are neighbours here.
        says_nothing_new: It holds no word beyond the question's, which asks for more than yes or no.
        contextual: The cosines are those of the sentence within its passage.
    """

    sentence: Sentence
    passage_score: float
    coverage: float
    cosine: float | None = None
    topic_cosine: float | None = None
    is_definition: bool = False
    contextual: bool = False
    fits: float = 0.0
    pairs: float = 0.0
    says_nothing_new: bool = False

    @property
    def score(self) -> float:
        return (
            (CONTEXTUAL_WEIGHT if self.contextual else COSINE_WEIGHT) * (self.cosine or 0.0)
            + COVERAGE_WEIGHT * self.coverage
            + PASSAGE_WEIGHT * self.passage_score
            + TYPE_WEIGHT * self.fits
            + PAIRS_WEIGHT * self.pairs
            - (NOTHING_NEW if self.says_nothing_new else 0.0)
            + (DEFINITION_BONUS if self.is_definition else 0.0)
        )


class TermCoverage:
    """Which of the question's terms a sentence or passage holds, by weight of their rarity.

    Args:
        analysis: Of the question with what it leans on, then of the question alone, then of every passage's
            header, then of every sentence; what follows is not looked at.
        passages: In the order of the headers.
        sentences: In the order of the rest.
        without: Terms that do not count, of parts of the question that are not answered anyway.
    """

    def __init__(
        self,
        analysis: TermAnalysis,
        passages: Sequence[PromptPassage],
        sentences: Sequence[Sentence],
        *,
        without: frozenset[str] = frozenset(),
    ) -> None:
        question = analysis.terms[1]
        headers = analysis.terms[2 : 2 + len(passages)]
        texts = analysis.terms[2 + len(passages) : 2 + len(passages) + len(sentences)]
        held = frozenset[str]().union(*headers, *texts)
        self._question = analysis.terms[0]
        self._weights = {
            term: idf if term in question else EARLIER_WEIGHT * idf
            for term, idf in analysis.idf.items()
            if term not in without and (term in held or not names_a_form(term))
        }
        self._total = sum(self._weights.values())
        self._headers = {passage.number: terms for passage, terms in zip(passages, headers, strict=True)}
        self._terms = {
            (sentence.number, sentence.index): terms for sentence, terms in zip(sentences, texts, strict=True)
        }
        self._labels = self._label_terms(sentences)

    def _label_terms(self, sentences: Sequence[Sentence]) -> dict[tuple[int, int], frozenset[str]]:
        """For each sentence the terms of the label above it."""
        found: dict[tuple[int, int], frozenset[str]] = {}
        current: frozenset[str] = frozenset()
        for sentence in sentences:
            if sentence.index == 0:
                current = frozenset()
            key = (sentence.number, sentence.index)
            found[key] = current
            if sentence.is_label:
                current = self._terms[key]
        return found

    def terms(self, sentence: Sentence) -> frozenset[str]:
        """The sentence's own terms."""
        return self._terms[sentence.number, sentence.index]

    def of_sentence(self, sentence: Sentence) -> float:
        """Coverage by the sentence and, for less, by what it stands under and after; 0..1."""
        own = self.terms(sentence)
        around = (
            self._headers[sentence.number]
            | self._labels[sentence.number, sentence.index]
            | self._terms.get((sentence.number, sentence.index - 1), frozenset())
        )
        return self._share(own) + CONTEXT_WEIGHT * self._share(around - own)

    def of_label(self, sentence: Sentence) -> float:
        """Coverage by the label above the sentence; 0..1."""
        return self._share(self._labels[sentence.number, sentence.index])

    def of_text(self, sentence: Sentence) -> float:
        """Coverage by the sentence alone; 0..1."""
        return self._share(self.terms(sentence))

    def of_passage(self, number: int) -> float:
        """Coverage by a whole passage with its header; 0..1."""
        return self._share(self.passage_terms(number))

    def repeats(self, sentence: Sentence) -> bool:
        """Whether a sentence has words and none but the question's."""
        own = self.terms(sentence)
        return bool(own) and own <= self._question

    def missing(self) -> float:
        """Share of the question that no passage holds; 0..1."""
        held = frozenset[str]().union(*(self.passage_terms(number) for number in self._headers))
        return 1.0 - self._share(held)

    def passage_terms(self, number: int) -> frozenset[str]:
        """The terms of a whole passage with its header."""
        own = (terms for (owner, _), terms in self._terms.items() if owner == number)
        return self._headers[number].union(*own)

    def _share(self, held: frozenset[str]) -> float:
        if not self._total:
            return 0.0
        return sum(weight for term, weight in self._weights.items() if term in held) / self._total


def candidates(
    question: str,
    passages: Sequence[PromptPassage],
    sentences: Sequence[Sentence],
    coverage: TermCoverage,
) -> list[Scored]:
    """Every sentence that may be an answer, best first by what is known without embedding."""
    by_number = {passage.number: passage for passage in passages}
    definition, asked_for, words = definition_of(question), AskedFor(question), QuestionWords(question)
    found = [
        Scored(
            sentence,
            _passage_score(sentence, by_number[sentence.number]),
            coverage.of_sentence(sentence),
            is_definition=definition is not None and definition.match(sentence.text) is not None,
            fits=asked_for.fits(sentence.text),
            pairs=words.pairs_in(sentence.text),
            says_nothing_new=not words.asks_yes_or_no and coverage.repeats(sentence),
        )
        for sentence in sentences
        if not sentence.is_label and sentence.says_something
    ]
    return sorted(found, key=lambda candidate: candidate.score, reverse=True)


def _passage_score(sentence: Sentence, passage: PromptPassage) -> float:
    """Of the chunk that the sentence stands in, where several are joined."""
    chunks = (part.score for part in passage.parts if part.start <= sentence.start < part.end)
    return next(chunks, passage.score)


def with_cosines(
    scored: Sequence[Scored],
    question: Sequence[float],
    conversation: Sequence[float] | None,
    vectors: Sequence[Sequence[float]],
) -> list[Scored]:
    """The candidates with their cosines, best first.

    Args:
        scored: The candidates.
        question: Unit vector of the question.
        conversation: Unit vector of the question within its conversation, if it leans on one. It tells
            whether the topic is there, but not which sentence answers: it is nearest to the answer before.
        vectors: Unit vectors of the candidates.
    """
    found = []
    for candidate, vector in zip(scored, vectors, strict=True):
        own = _dot(question, vector)
        topic = max(own, _dot(conversation, vector)) if conversation is not None else own
        found.append(replace(candidate, cosine=own, topic_cosine=topic))
    return sorted(found, key=lambda candidate: candidate.score, reverse=True)


def with_known_cosines(
    scored: Sequence[Scored], passages: Sequence[PromptPassage], *, in_conversation: bool
) -> list[Scored]:
    """The candidates, in their order; those whose cosines came with their passage have them.

    What is one sentence here may be several there (the cells of a table row): the nearest of them counts.

    Args:
        scored: The candidates.
        passages: What they are sentences of.
        in_conversation: The question leans on its conversation: the cosine with both must be known as well.
    """
    known = {passage.number: passage.sentences for passage in passages}
    return [_known(candidate, known[candidate.sentence.number], in_conversation) for candidate in scored]


def _known(candidate: Scored, scores: Sequence[SentenceScore], in_conversation: bool) -> Scored:
    sentence = candidate.sentence
    inside = takewhile(
        lambda score: score.end <= sentence.end,
        islice(scores, bisect_left(scores, sentence.start, key=lambda score: score.start), None),
    )
    cosines = [score.cosines for score in inside if len(score.cosines) > in_conversation]
    if not cosines:
        return candidate
    own = max(each[0] for each in cosines)
    topic = max(own, *(each[1] for each in cosines)) if in_conversation else own
    return replace(candidate, cosine=own, topic_cosine=topic, contextual=True)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
