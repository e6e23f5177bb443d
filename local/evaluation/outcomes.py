"""What a stack did with the questions, before it is scored."""

from __future__ import annotations

from dataclasses import dataclass, field

from footnote.evaluation import AnswerGiven, Cited, EvaluationQuery, Observation, QuestionResult, score
from footnote.evaluation.grouping import groups_of


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """One search: corpus rows, best first, and how long the caller waited."""

    query: EvaluationQuery
    ranking: list[str]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """One answer.

    Attributes:
        cited: For each source the corpus rows it may be; several if their text is equal.
        evidence: For each source its number, its quotations and excerpt.
        similarity, relevance: Cosine with the reference answer and with the question, where measured.
        grounded: Share of sentences that the supplied passages support, as the product judged it.
    """

    query: EvaluationQuery
    answer: str
    abstained: bool
    confidence: float | None
    cited: list[list[str]]
    milliseconds: float
    evidence: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    similarity: float | None = None
    relevance: float | None = None
    grounded: float | None = None


def scored(searches: list[SearchOutcome], answers: list[AnswerOutcome]) -> list[QuestionResult]:
    """The questions' scores, in the order in which they were asked."""
    found = {one.query.id: one for one in searches}
    given = {one.query.id: one for one in answers}
    queries = {one.query.id: one.query for one in answers} | {one.query.id: one.query for one in searches}
    return [score(_observation(query, found.get(key), given.get(key))) for key, query in queries.items()]


def _observation(
    query: EvaluationQuery, search: SearchOutcome | None, answer: AnswerOutcome | None
) -> Observation:
    return Observation(
        id=query.id,
        text=query.text,
        groups=groups_of(query.text, follows_up=bool(query.history), unanswerable=query.unanswerable),
        relevance=query.relevance,
        # Without a judged document a question may be small talk: its answer is no measure.
        golden=query.answers if query.relevance else (),
        unanswerable=query.unanswerable,
        ranking=tuple(search.ranking) if search else None,
        search_ms=round(search.milliseconds, 2) if search else None,
        answer=_given(answer) if answer else None,
    )


def _given(answer: AnswerOutcome) -> AnswerGiven:
    sources = answer.evidence or [(number, ()) for number in range(1, len(answer.cited) + 1)]
    return AnswerGiven(
        text=answer.answer,
        abstained=answer.abstained,
        confidence=answer.confidence,
        cited=tuple(
            Cited(number, tuple(rows), texts)
            for (number, texts), rows in zip(sources, answer.cited, strict=True)
        ),
        milliseconds=round(answer.milliseconds, 2),
        similarity=answer.similarity,
        relevance=answer.relevance,
        grounded=answer.grounded,
    )
