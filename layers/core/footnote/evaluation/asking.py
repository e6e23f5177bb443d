"""Asks a golden question as a member would, and says what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from footnote.chat import Answer, ChatQuestion
from footnote.evaluation.answers import cosine, without_citations
from footnote.evaluation.grouping import groups_of
from footnote.evaluation.models import GoldenQuestion
from footnote.evaluation.ports import Subject
from footnote.evaluation.scoring import AnswerGiven, Cited, Observation, grounded_share
from footnote.models import Turn
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError, ModelUnavailable, ServiceUnavailable

_TEMPERATURE = 0.0  # the same question is to be answered the same way


async def ask(
    subject: Subject, context: OrganizationContext, question: GoldenQuestion, clock: Clock
) -> Observation:
    """Searches and answers one question.

    A question that the product refuses is an observation with an `error`.

    Raises:
        ServiceUnavailable: A dependency is down: nothing was learned about the question.
    """
    judged = _judged(question)
    ranking: tuple[str, ...] = ()
    search_ms: float | None = None
    given: AnswerGiven | None = None
    error: str | None = None
    history = tuple(Turn(actor, text) for actor, text in question.history)
    try:
        started = clock.monotonic()
        found = await subject.search(context, question.text, history)
        search_ms = 1000 * (clock.monotonic() - started)
        passages = (retrieved.passage for retrieved in found.passages)
        names = (_document_name(str(passage.document_id), passage.filename, judged) for passage in passages)
        ranking = tuple(dict.fromkeys(names))
        started = clock.monotonic()
        asked = ChatQuestion(question.text, history=history, temperature=_TEMPERATURE)
        answer = await subject.answer(context, asked)
        given = await _given(subject, question, answer, 1000 * (clock.monotonic() - started), judged)
    except ServiceUnavailable:
        raise
    except FootnoteError as failure:
        error = failure.message
        given = given or AnswerGiven("", abstained=False, confidence=None, cited=(), milliseconds=0.0)
    groups = groups_of(question.text, follows_up=bool(history), unanswerable=question.unanswerable)
    return Observation(
        id=str(question.id),
        text=question.text,
        groups=groups,
        relevance=judged,
        golden=question.answers,
        unanswerable=question.unanswerable,
        ranking=ranking,
        search_ms=search_ms,
        answer=given,
        error=error,
    )


def _judged(question: GoldenQuestion) -> dict[str, int]:
    names = [*map(str, question.document_ids), *(name.casefold() for name in question.filenames)]
    return dict.fromkeys(names, 1)


def _document_name(document_id: str, filename: str, judged: Mapping[str, int]) -> str:
    """As the judgements name the document: by id or by file name."""
    if document_id in judged or filename.casefold() not in judged:
        return document_id
    return filename.casefold()


async def _given(
    subject: Subject, question: GoldenQuestion, answer: Answer, elapsed_ms: float, judged: Mapping[str, int]
) -> AnswerGiven:
    abstained = answer.metadata.abstained
    similarity, relevance = (None, None) if abstained else await _cosines(subject, question, answer.text)
    return AnswerGiven(
        text=answer.text,
        abstained=abstained,
        confidence=answer.metadata.confidence,
        cited=tuple(
            Cited(
                number=source.number,
                documents=(_document_name(str(source.document_id), source.filename, judged),),
                texts=(*(piece.text for piece in source.evidence), source.excerpt),
            )
            for source in answer.sources
        ),
        milliseconds=elapsed_ms,
        similarity=similarity,
        relevance=relevance,
        grounded=_grounded(answer),
    )


def _grounded(answer: Answer) -> float | None:
    told = answer.metadata.grounding
    return grounded_share(told.supported, told.partial, told.unsupported) if told else None


async def _cosines(
    subject: Subject, question: GoldenQuestion, text: str
) -> tuple[float | None, float | None]:
    """Of the answer with the nearest reference answer, and with the question."""
    said = without_citations(text)
    if not said:
        return None, None
    try:
        answer, asked, *golden = await subject.embed([said, question.text, *question.answers])
    except ModelUnavailable:
        return None, None
    similarity = max((cosine(answer, vector) for vector in golden), default=None)
    return similarity, cosine(answer, asked)
