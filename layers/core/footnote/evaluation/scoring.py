"""What one question scores: from what was found and answered to one number a metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from footnote.evaluation.answers import (
    answer_contained,
    completeness,
    faithfulness,
    fluency,
    question_coverage,
    token_f1,
)
from footnote.evaluation.metrics import (
    average_precision,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    success,
)

SHOWN_DOCUMENTS = 10

RankingMetric = Callable[[Sequence[str], Mapping[str, int]], float]

RETRIEVAL_METRICS: Mapping[str, RankingMetric] = MappingProxyType(
    {
        "ndcg@10": lambda ranking, relevance: ndcg(ranking, relevance, 10),
        "map": average_precision,
        "mrr@10": lambda ranking, relevance: reciprocal_rank(ranking, relevance, 10),
        "success@1": lambda ranking, relevance: success(ranking, relevance, 1),
        "precision@5": lambda ranking, relevance: precision(ranking, relevance, 5),
        "recall@5": lambda ranking, relevance: recall(ranking, relevance, 5),
        "recall@10": lambda ranking, relevance: recall(ranking, relevance, 10),
    }
)
"""Of questions with judged documents. `map` is over all documents that were found."""


@dataclass(frozen=True, slots=True)
class Cited:
    """One source of an answer.

    Attributes:
        number: Its mark in the answer.
        documents: Names of the document as judgements may have them; several where texts are equal.
        texts: Its evidence and excerpt.
    """

    number: int
    documents: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    """What was answered.

    Attributes:
        confidence: 0..1, the product's own figure.
        similarity: Cosine of answer and reference answer; `None` where it was not measured.
        relevance: Cosine of answer and question; `None` where it was not measured.
        grounded: Share of sentences that the supplied passages support, as the product judged it; `None`
            without such sentences.
    """

    text: str
    abstained: bool
    confidence: float | None
    cited: tuple[Cited, ...]
    milliseconds: float
    similarity: float | None = None
    relevance: float | None = None
    grounded: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One question and what became of it.

    Attributes:
        groups: What the breakdown is by, for instance `{"type": "factual", "turn": "follow-up"}`.
        relevance: Document to grade; empty where nothing is judged.
        golden: Reference answers; empty where there are none.
        ranking: Documents that search found, best first; `None` where search was not measured.
        answer: `None` where the question was only searched for.
    """

    id: str
    text: str
    groups: Mapping[str, str]
    relevance: Mapping[str, int]
    golden: tuple[str, ...]
    unanswerable: bool
    ranking: tuple[str, ...] | None = None
    search_ms: float | None = None
    answer: AnswerGiven | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """One scored question, as it is stored and compared.

    Attributes:
        scores: Value by metric; a metric that the question cannot tell is left out.
        found: The first documents that were found.
        expected: Judged documents.
        error: Why the question could not be asked; it scores as if nothing had been found.
    """

    id: str
    text: str
    groups: Mapping[str, str]
    scores: Mapping[str, float]
    unanswerable: bool
    found: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    golden: tuple[str, ...] = ()
    answer: str | None = None
    abstained: bool | None = None
    confidence: float | None = None
    search_ms: float | None = None
    answer_ms: float | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For storing; `from_json` reads it."""
        return asdict(self) | {"groups": dict(self.groups), "scores": dict(self.scores)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> QuestionResult:
        """What `as_json` wrote.

        Raises:
            KeyError, TypeError: It is something else.
        """
        lists = {name: tuple(data.get(name) or ()) for name in ("found", "expected", "golden")}
        return cls(**{**data, **lists})


@dataclass(slots=True)
class _Scores:
    """Collects values; what is `None` cannot be told."""

    values: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float | None) -> None:
        if value is not None:
            self.values[name] = round(float(value), 6)


def grounded_share(supported: int, partial: int, unsupported: int) -> float | None:
    """Share of supported sentences of those that claim something; `None` without any."""
    claims = supported + partial + unsupported
    return supported / claims if claims else None


def score(observed: Observation) -> QuestionResult:
    """Scores one question by every metric that it can tell."""
    scores = _Scores()
    judged = {document: grade for document, grade in observed.relevance.items() if grade > 0}
    if judged and observed.ranking is not None:
        for name, metric in RETRIEVAL_METRICS.items():
            scores.add(name, metric(observed.ranking, judged))
    if observed.answer is not None:
        _score_answer(scores, observed, observed.answer, judged)
    answer = observed.answer
    return QuestionResult(
        id=observed.id,
        text=observed.text,
        groups=dict(observed.groups),
        scores=scores.values,
        unanswerable=observed.unanswerable,
        found=(observed.ranking or ())[:SHOWN_DOCUMENTS],
        expected=tuple(judged),
        golden=observed.golden,
        answer=answer.text if answer else None,
        abstained=answer.abstained if answer else None,
        confidence=answer.confidence if answer else None,
        search_ms=observed.search_ms,
        answer_ms=answer.milliseconds if answer else None,
        error=observed.error,
    )


def _score_answer(
    scores: _Scores, observed: Observation, answer: AnswerGiven, judged: Mapping[str, int]
) -> None:
    is_answerable = not observed.unanswerable and bool(judged or observed.golden)
    if observed.unanswerable or is_answerable:
        _score_abstention(scores, answer, is_answerable)
    if not answer.abstained:
        evidence = {source.number: source.texts for source in answer.cited}
        scores.add("faithfulness", faithfulness(answer.text, evidence))
        scores.add("groundedness", answer.grounded)
        scores.add("fluency", fluency(answer.text))
        scores.add("relevance", question_coverage(observed.text, answer.text))
        scores.add("relevance_cosine", answer.relevance)
        scores.add("similarity_cosine", answer.similarity)
    if is_answerable and observed.golden:
        said = "" if answer.abstained else answer.text
        scores.add("answer_containment", answer_contained(said, observed.golden))
        scores.add("completeness", completeness(said, observed.golden))
        scores.add("similarity_f1", token_f1(said, observed.golden))
    if is_answerable and judged:
        _score_citations(scores, answer, judged)


def _score_abstention(scores: _Scores, answer: AnswerGiven, is_answerable: bool) -> None:
    """Abstaining is a prediction of "the documents do not hold it": its precision and recall."""
    abstained = answer.abstained
    scores.add("abstention_answerable" if is_answerable else "abstention_unanswerable", float(abstained))
    scores.add("abstention_accuracy", float(abstained != is_answerable))
    if abstained:
        scores.add("abstention_precision", float(not is_answerable))
    if not is_answerable:
        scores.add("abstention_recall", float(abstained))


def _score_citations(scores: _Scores, answer: AnswerGiven, judged: Mapping[str, int]) -> None:
    hits = [judged.keys() & set(source.documents) for source in answer.cited]
    if hits:
        scores.add("citation_precision", sum(map(bool, hits)) / len(hits))
    scores.add("citation_recall", len(set().union(*hits)) / len(judged))
