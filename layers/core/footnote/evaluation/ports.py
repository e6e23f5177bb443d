"""What evaluation needs of a store and of the rest of the product."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.chat import Answer, ChatQuestion
from footnote.evaluation.models import (
    Activation,
    AnsweredMessage,
    Creation,
    Gate,
    GoldenQuestion,
    GoldenSet,
    Lease,
    NewRun,
    PendingQuestion,
    Run,
)
from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.summary import Summary
from footnote.knowledge import Retrieval
from footnote.models import Turn
from footnote.platform.context import OrganizationContext
from footnote.platform.overrides import Overrides
from footnote.quota import Settlement

Keyset = tuple[datetime, UUID]


class GoldenSetStore(Protocol):
    """Sets and their questions. Raises `NotFound` for a set that is not the organization's."""

    async def create_set(
        self,
        context: OrganizationContext,
        golden: tuple[UUID, str, str],
        creation: Creation,
        most: int,
    ) -> tuple[GoldenSet, bool]:
        """Stores a set (id, name, description); whether it is new.

        Raises:
            Conflict: The name is taken, or there are `most` sets already.
            InvalidRequest: The idempotency key was used for another request.
        """
        ...

    async def sets(self, context: OrganizationContext) -> list[GoldenSet]:
        """All sets, newest first."""
        ...

    async def get_set(self, context: OrganizationContext, set_id: UUID) -> GoldenSet: ...

    async def delete_set(self, context: OrganizationContext, set_id: UUID) -> None:
        """With its questions, runs and gates."""
        ...

    async def replace_questions(
        self, context: OrganizationContext, set_id: UUID, questions: Sequence[GoldenQuestion]
    ) -> GoldenSet:
        """Replaces all questions in one transaction."""
        ...

    async def add_question(
        self, context: OrganizationContext, set_id: UUID, question: GoldenQuestion, most: int
    ) -> GoldenQuestion:
        """Adds one at the end; the same question judged before is replaced.

        Raises:
            Conflict: The set has `most` questions already.
        """
        ...

    async def questions(
        self, context: OrganizationContext, set_id: UUID, *, after: int, limit: int
    ) -> list[tuple[int, GoldenQuestion]]:
        """Questions with a position above `after`, with their positions, which count from 1."""
        ...

    async def unknown_documents(
        self, context: OrganizationContext, document_ids: Sequence[UUID]
    ) -> set[UUID]:
        """Those of the ids that are no documents of the organization."""
        ...

    async def answered_message(self, context: OrganizationContext, message_id: UUID) -> AnsweredMessage:
        """An answer of the acting member's own conversation.

        Raises:
            NotFound: There is none.
        """
        ...


class RunStore(Protocol):
    """Runs and their results. Raises `NotFound` for what is not the organization's."""

    async def created_run(self, context: OrganizationContext, creation: Creation) -> Run | None:
        """The run that this request made before.

        Raises:
            InvalidRequest: The idempotency key was used for another request.
        """
        ...

    async def create_run(
        self, context: OrganizationContext, run: NewRun, creation: Creation, *, most: int, most_open: int
    ) -> tuple[Run, bool]:
        """Queues a run with a copy of the set's questions; whether it is new.

        Raises:
            Conflict: The set has no questions, `most_open` runs are waiting or running already, or `most` are
                kept.
            InvalidRequest: The idempotency key was used for another request.
        """
        ...

    async def runs(
        self, context: OrganizationContext, *, set_id: UUID | None, before: Keyset | None, limit: int
    ) -> list[Run]:
        """Newest first; `before` is the (created_at, id) of the last one of the page before."""
        ...

    async def get_run(self, context: OrganizationContext, run_id: UUID) -> Run: ...

    async def results(
        self, context: OrganizationContext, run_id: UUID, *, after: int, limit: int
    ) -> list[tuple[int, QuestionResult]]:
        """Scored questions with a position above `after`, with their positions."""
        ...

    async def cancel_run(self, context: OrganizationContext, run_id: UUID) -> Run:
        """Ends a run that is waiting or running; another one stays as it is."""
        ...

    async def delete_run(self, context: OrganizationContext, run_id: UUID) -> None:
        """Deletes a run that has ended, with its results.

        Raises:
            Conflict: It waits or is running, or it is the baseline of a gate.
        """
        ...


class GateStore(Protocol):
    """Gates and what went through them."""

    async def create_gate(
        self, context: OrganizationContext, gate: Gate, creation: Creation, most: int
    ) -> tuple[Gate, bool]:
        """Stores a gate; whether it is new. Errors as `create_set`, and `NotFound` for set or baseline."""
        ...

    async def gates(self, context: OrganizationContext) -> list[Gate]:
        """All gates, newest first."""
        ...

    async def get_gate(self, context: OrganizationContext, gate_id: UUID) -> Gate: ...

    async def delete_gate(self, context: OrganizationContext, gate_id: UUID) -> None: ...

    async def activate(self, context: OrganizationContext, activation: Activation) -> Activation:
        """Writes the organization's new configuration; what was before stays as its history."""
        ...

    async def activations(self, context: OrganizationContext, limit: int) -> list[Activation]:
        """Newest first; the first one holds."""
        ...


class RunQueue(Protocol):
    """The evaluator's side of the runs: leases, fenced by a counter."""

    async def due(self, limit: int) -> list[tuple[UUID, UUID]]:
        """(organization, run) of runs that nobody works on, the longest waiting first."""
        ...

    async def claim(self, context: OrganizationContext, run_id: UUID, lease_s: int) -> Lease | None:
        """Takes a run; `None` if another worker has it or it has ended. The attempt is counted."""
        ...

    async def pending(self, context: OrganizationContext, run_id: UUID, limit: int) -> list[PendingQuestion]:
        """The next questions without a result."""
        ...

    async def prepare_hold(self, context: OrganizationContext, lease: Lease, hold_id: UUID) -> None:
        """Ends the open hold of an earlier worker at the run; errors as `save`."""
        ...

    async def save(
        self,
        context: OrganizationContext,
        lease: Lease,
        position: int,
        result: QuestionResult,
        lease_s: int,
        charge: Settlement | None = None,
    ) -> None:
        """Writes one result and its charge, renews the lease and forgets earlier attempts.

        Raises:
            Conflict: The lease is lost: another worker took the run, or it was cancelled.
        """
        ...

    async def finish(self, context: OrganizationContext, lease: Lease, summary: Summary) -> None:
        """Completes the run; errors as `save`."""
        ...

    async def give_back(
        self, context: OrganizationContext, lease: Lease, retry_in_s: float | None = None
    ) -> None:
        """Lets another worker go on: at once, or after a failed attempt in so many seconds.

        A lost lease is no error.
        """
        ...

    async def pause(self, context: OrganizationContext, lease: Lease, reason: str, retry_in_s: float) -> None:
        """Lets the run wait, says why, and counts no attempt; a lost lease is no error."""
        ...

    async def fail(self, context: OrganizationContext, lease: Lease, reason: str) -> None:
        """Ends the run; a lost lease is no error."""
        ...

    async def all_results(self, context: OrganizationContext, run_id: UUID) -> list[QuestionResult]:
        """All results of a run, by position."""
        ...


class Subject(Protocol):
    """A configuration under evaluation: it searches and answers, and writes no conversation."""

    async def search(self, context: OrganizationContext, query: str, history: Sequence[Turn]) -> Retrieval:
        """What `POST /search` would find, as many passages as it allows."""
        ...

    async def answer(self, context: OrganizationContext, question: ChatQuestion) -> Answer:
        """What `POST /chat` would answer, from no cache."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of texts; raises `ModelUnavailable`."""
        ...


class Subjects(Protocol):
    """Makes subjects of configurations."""

    def __call__(self, overrides: Overrides) -> Subject: ...
