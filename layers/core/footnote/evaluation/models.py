"""The terms of evaluation in the product: golden sets, runs, gates, activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from footnote.evaluation.gate import Condition
from footnote.evaluation.summary import Summary
from footnote.platform.overrides import Overrides


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """Judged questions of one organization. `revision` grows whenever the questions change."""

    id: UUID
    name: str
    description: str
    questions: int
    revision: int
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """One judged question.

    Attributes:
        history: Earlier turns as (`user` or `assistant`, text), oldest first.
        document_ids, filenames: Documents that hold the answer; either names one.
        answers: Reference answers, each of which would do.
        unanswerable: The documents do not hold the answer, and the right answer says so.
        message_id: The answer of a conversation that it was taken from.
    """

    id: UUID
    text: str
    history: tuple[tuple[str, str], ...] = ()
    document_ids: tuple[UUID, ...] = ()
    filenames: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    unanswerable: bool = False
    tags: tuple[str, ...] = ()
    message_id: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        """For storing; `from_json` reads it."""
        return {
            "id": str(self.id),
            "text": self.text,
            "history": [list(turn) for turn in self.history],
            "document_ids": [str(document_id) for document_id in self.document_ids],
            "filenames": list(self.filenames),
            "answers": list(self.answers),
            "unanswerable": self.unanswerable,
            "tags": list(self.tags),
            "message_id": str(self.message_id) if self.message_id else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GoldenQuestion:
        """What `as_json` wrote."""
        return cls(
            id=UUID(data["id"]),
            text=data["text"],
            history=tuple((actor, text) for actor, text in data["history"]),
            document_ids=tuple(UUID(document_id) for document_id in data["document_ids"]),
            filenames=tuple(data["filenames"]),
            answers=tuple(data["answers"]),
            unanswerable=data["unanswerable"],
            tags=tuple(data["tags"]),
            message_id=UUID(data["message_id"]) if data["message_id"] else None,
        )


@dataclass(frozen=True, slots=True)
class AnsweredMessage:
    """An answer of the acting member's own conversation, with the question it answers.

    Attributes:
        history: The turns before the question, oldest first.
        sources: As they were answered.
    """

    message_id: UUID
    question: str
    answer: str
    history: tuple[tuple[str, str], ...]
    sources: tuple[Mapping[str, Any], ...]


class RunState(StrEnum):
    """Terminal: completed, failed, cancelled."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation of a set by one configuration.

    Attributes:
        label: For people; empty where none was given.
        overrides: The candidate configuration: settings that differ from the deployment's own.
        digest: Of the whole configuration (`configuration.digest`) that was measured.
        set_revision: Of the questions that were asked.
        total, done: Questions, and how many of them are scored.
        summary: Once it is completed.
        failure: Why it failed, for a person.
        paused: Why it waits to go on, for a person.
    """

    id: UUID
    set_id: UUID
    label: str
    state: RunState
    overrides: Overrides
    digest: str
    set_revision: int
    total: int
    done: int
    summary: Summary | None
    failure: str | None
    created_by: UUID
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused: str | None = None


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be queued; see `Run`."""

    id: UUID
    set_id: UUID
    label: str
    overrides: Overrides
    digest: str


@dataclass(frozen=True, slots=True)
class Creation:
    """What makes creating idempotent.

    Attributes:
        key: The client's `Idempotency-Key`; `None` without one.
        digest: SHA-256 of the request; the same key with another request is refused.
    """

    key: str | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a run of a set must reach before its configuration may be activated."""

    id: UUID
    set_id: UUID
    name: str
    conditions: tuple[Condition, ...]
    baseline_run_id: UUID | None
    created_by: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Activation:
    """An organization's configuration from a moment on; the newest one holds.

    Attributes:
        gate_id, run_id: Through which gate and by which run; `None` for the return to the defaults.
        verdict: As it was when the configuration was activated.
    """

    id: UUID
    overrides: Overrides
    digest: str
    gate_id: UUID | None
    run_id: UUID | None
    verdict: Mapping[str, Any]
    activated_by: UUID | None
    activated_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """A run that one worker has taken: what it writes counts only while `fence` is the run's own.

    `attempts` counts claims since the last result, this one included.
    """

    run: Run
    fence: int
    attempts: int


@dataclass(frozen=True, slots=True)
class PendingQuestion:
    """A question of a run that is not scored yet."""

    position: int
    question: GoldenQuestion = field(repr=False)
