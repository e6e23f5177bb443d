"""Golden sets and runs: what the `/evaluations` API does with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal
from uuid import UUID, uuid5

from footnote.evaluation.answers import without_citations
from footnote.evaluation.charging import check_switched_on
from footnote.evaluation.comparison import Comparison, compare
from footnote.evaluation.models import (
    AnsweredMessage,
    Creation,
    GoldenQuestion,
    GoldenSet,
    NewRun,
    Run,
    RunState,
)
from footnote.evaluation.ports import GoldenSetStore, Keyset, RunStore
from footnote.evaluation.report import page
from footnote.evaluation.scoring import QuestionResult
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, InvalidRequest
from footnote.platform.ids import new_id
from footnote.platform.overrides import Overrides, digest, merged
from footnote.platform.settings import Settings
from footnote.quota import QuotaStore

Verdict = Literal["correct", "wrong", "unanswerable"]
"""What a member says of an answer: it is right; it should have been another one; there is none."""


def golden_question(
    set_id: UUID,
    text: str,
    history: tuple[tuple[str, str], ...],
    *,
    document_ids: tuple[UUID, ...] = (),
    filenames: tuple[str, ...] = (),
    answers: tuple[str, ...] = (),
    unanswerable: bool = False,
    tags: tuple[str, ...] = (),
    message_id: UUID | None = None,
) -> GoldenQuestion:
    """A question of a set. Its id follows from set, text and history, so that runs of two revisions pair."""
    return GoldenQuestion(
        id=uuid5(set_id, json.dumps([text, history])),
        text=text,
        history=history,
        document_ids=document_ids,
        filenames=filenames,
        answers=answers,
        unanswerable=unanswerable,
        tags=tags,
        message_id=message_id,
    )


class GoldenSets:
    """Sets of judged questions.

    Args:
        store: Where they are kept.
        settings: Limits.
    """

    def __init__(self, store: GoldenSetStore, settings: Settings) -> None:
        self._store = store
        self._limits = settings.evaluation

    async def create(
        self, context: OrganizationContext, name: str, description: str, creation: Creation
    ) -> tuple[GoldenSet, bool]:
        """A new, empty set, and whether it is new; errors as `GoldenSetStore.create_set`."""
        golden = (new_id(), name, description)
        return await self._store.create_set(context, golden, creation, self._limits.max_sets)

    async def replace_questions(
        self, context: OrganizationContext, set_id: UUID, questions: Sequence[GoldenQuestion]
    ) -> GoldenSet:
        """Replaces the questions of a set.

        Raises:
            InvalidRequest: A question stands there twice, is judged by nothing, or by a document that is not
                there; the message names its row, counted from 1.
            NotFound: There is no such set.
        """
        rows: dict[UUID, int] = {}
        for row, question in enumerate(questions, start=1):
            _check_question(question, f"Question {row}")
            if rows.setdefault(question.id, row) != row:
                raise InvalidRequest(
                    f"Question {row} repeats question {rows[question.id]}.", details={"row": row}
                )
        await self._check_documents(context, questions)
        return await self._store.replace_questions(context, set_id, questions)

    async def add_from_message(
        self,
        context: OrganizationContext,
        set_id: UUID,
        message_id: UUID,
        verdict: Verdict,
        answers: Sequence[str] = (),
        document_ids: Sequence[UUID] = (),
    ) -> GoldenQuestion:
        """Makes a question of the acting member's conversation a golden one.

        Args:
            context: The member.
            set_id: Where it is added.
            message_id: The answer that is judged.
            verdict: `correct`: the answer and what it cites are right. `wrong`: the right answer or document
                is given. `unanswerable`: the documents do not hold an answer.
            answers: Right answers, if it was wrong.
            document_ids: Right documents, if it was wrong.

        Raises:
            Conflict: The set is full.
            InvalidRequest: The verdict and what is given do not fit.
            NotFound: There is no such set, or no such answer of this member.
        """
        judged = await self._store.answered_message(context, message_id)
        question = _golden(set_id, judged, verdict, tuple(answers), tuple(document_ids))
        _check_question(question, "The question")
        await self._check_documents(context, [question])
        return await self._store.add_question(context, set_id, question, self._limits.max_questions)

    async def _check_documents(
        self, context: OrganizationContext, questions: Sequence[GoldenQuestion]
    ) -> None:
        named = {one for question in questions for one in question.document_ids}
        unknown = await self._store.unknown_documents(context, sorted(named)) if named else set()
        for row, question in enumerate(questions, start=1):
            for document_id in question.document_ids:
                if document_id in unknown:
                    raise InvalidRequest(
                        f"Question {row}: there is no document {document_id}. Upload it, or name the file.",
                        details={"row": row},
                    )


class Runs:
    """Evaluations of sets by configurations.

    Args:
        store: Where they are kept.
        quota: What may be used.
        settings: The deployment's own, which overrides are laid over.
    """

    def __init__(self, store: RunStore, quota: QuotaStore, settings: Settings) -> None:
        self._store = store
        self._quota = quota
        self._settings = settings

    async def start(
        self,
        context: OrganizationContext,
        set_id: UUID,
        label: str,
        overrides: Overrides,
        creation: Creation,
    ) -> tuple[Run, bool]:
        """Queues a run, and whether it is new; the evaluator works it off.

        Raises:
            BudgetExceeded, PlatformBudgetExceeded: A budget is nearly spent; evaluations are switched off.
            Conflict: The set is empty, or too many runs wait.
            InvalidRequest: A setting cannot be tried or has a value that it cannot have, or the idempotency
                key was used for another request.
            NotFound: There is no such set.
        """
        # What was started before is told again, whatever the budget says now.
        if creation.key is not None and (started := await self._store.created_run(context, creation)):
            return started, False
        configuration = merged(self._settings, overrides)
        check_switched_on(await self._quota.terms(context))
        run = NewRun(new_id(), set_id, label, overrides, digest(configuration))
        limits = self._settings.evaluation
        return await self._store.create_run(
            context, run, creation, most=limits.max_runs, most_open=limits.max_open_runs
        )

    async def listed(
        self, context: OrganizationContext, *, set_id: UUID | None, before: Keyset | None, limit: int
    ) -> tuple[list[Run], bool]:
        """Newest first, and whether there are more."""
        found = await self._store.runs(context, set_id=set_id, before=before, limit=limit + 1)
        return found[:limit], len(found) > limit

    async def completed_results(
        self, context: OrganizationContext, run_id: UUID
    ) -> tuple[Run, list[QuestionResult]]:
        """A completed run with all its results.

        Raises:
            Conflict: It is not completed.
            NotFound: There is no such run.
        """
        run = await self._store.get_run(context, run_id)
        if run.state is not RunState.COMPLETED:
            raise Conflict(f"The run {run_id} is {run.state.value}, not completed.")
        found = await self._store.results(context, run_id, after=0, limit=run.total)
        return run, [result for _, result in found]

    async def compare(self, context: OrganizationContext, a: UUID, b: UUID) -> Comparison:
        """Two completed runs, question by question; errors as `completed_results`."""
        first, scored = await self.completed_results(context, a)
        second, others = await self.completed_results(context, b)
        return compare(scored, others, (run_name(first), run_name(second)))

    async def report(self, context: OrganizationContext, run_id: UUID, baseline_id: UUID | None) -> str:
        """The page of a completed run (HTML), compared with another one if given; errors as `compare`."""
        run, results = await self.completed_results(context, run_id)
        assert run.summary is not None
        comparison = None
        if baseline_id is not None:
            baseline, before = await self.completed_results(context, baseline_id)
            comparison = compare(before, results, (run_name(baseline), run_name(run)))
        measured = f"{run.finished_at:%Y-%m-%d %H:%M} UTC" if run.finished_at else ""
        facts = {"configuration": run_name(run), "measured": measured, "digest": run.digest[:12]}
        return page(run_name(run), run.summary, results, facts=facts, comparison=comparison)


def run_name(run: Run) -> str:
    """What a run is called: its label, else what it changes, else that it changes nothing."""
    changed = ", ".join(f"{name}={value}" for name, value in sorted(run.overrides.items()))
    return run.label or changed or "default settings"


def _check_question(question: GoldenQuestion, what: str) -> None:
    has_judgement = bool(question.document_ids or question.filenames or question.answers)
    if question.unanswerable and has_judgement:
        raise InvalidRequest(f"{what}: an unanswerable question has neither documents nor answers.")
    if not question.unanswerable and not has_judgement:
        raise InvalidRequest(
            f"{what}: name documents or answers that are expected, or mark it as unanswerable."
        )


def _golden(
    set_id: UUID,
    judged: AnsweredMessage,
    verdict: Verdict,
    answers: tuple[str, ...],
    document_ids: tuple[UUID, ...],
) -> GoldenQuestion:
    if verdict != "wrong" and (answers or document_ids):
        raise InvalidRequest("Answers and documents are given only for the verdict 'wrong'.")
    if verdict == "correct":
        answers = (without_citations(judged.answer),)
        document_ids = tuple(dict.fromkeys(UUID(source["document_id"]) for source in judged.sources))
    return golden_question(
        set_id,
        judged.question,
        judged.history,
        document_ids=document_ids,
        answers=answers,
        unanswerable=verdict == "unanswerable",
        message_id=judged.message_id,
    )
