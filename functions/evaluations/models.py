"""Bodies of the evaluation routes."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Header
from pydantic import BaseModel, Field, StringConstraints, model_validator

from footnote.chat import MESSAGE_CHARACTERS
from footnote.evaluation import (
    Activation,
    Condition,
    Creation,
    Gate,
    GoldenQuestion,
    GoldenSet,
    QuestionResult,
    Run,
    RunState,
    Summary,
)
from footnote.evaluation.evaluations import Verdict, golden_question
from footnote.knowledge.requests import Text, TurnRequest
from footnote.platform.fields import Figure, Flag, Line
from footnote.platform.http import RequestModel

MAX_QUESTIONS = 1_000
MAX_ANSWER_CHARACTERS = 10_000

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(alias="Idempotency-Key", description="Sent again with the same body, it makes nothing new."),
]
GoldenAnswer = Annotated[Text, Field(max_length=MAX_ANSWER_CHARACTERS)]
SettingValue = bool | int | float | Annotated[str, StringConstraints(max_length=100)] | None


def creation(key: str | None, body: RequestModel) -> Creation:
    """What makes a request idempotent: its key, and the digest of its body."""
    return Creation(key, hashlib.sha256(body.model_dump_json().encode()).hexdigest())


class SetRequest(RequestModel):
    """A golden set to be made; questions come after."""

    name: Line = Field(examples=["Leave and travel"])
    description: Annotated[Text, Field(max_length=2_000)] | None = None


class SetBody(BaseModel):
    """A golden set."""

    id: UUID
    name: str
    description: str
    questions: int
    revision: int = Field(description="Grows whenever the questions change.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, golden: GoldenSet) -> Self:
        return cls.model_validate(golden, from_attributes=True)


class Sets(BaseModel):
    """All golden sets of the organization, newest first."""

    sets: list[SetBody]


class QuestionRequest(RequestModel):
    """A judged question: what is expected of search and answer, or that there is no answer."""

    text: Annotated[Text, Field(max_length=MESSAGE_CHARACTERS)] = Field(
        examples=["How many days of leave do I have?"]
    )
    history: list[TurnRequest] = Field(default=[], max_length=50, description="Earlier turns, oldest first.")
    document_ids: list[UUID] = Field(default=[], max_length=50, description="Documents that hold the answer.")
    filenames: list[Line] = Field(default=[], max_length=50, description="The same, by file name.")
    answers: list[GoldenAnswer] = Field(default=[], max_length=20, description="Each of them would do.")
    unanswerable: Flag = Field(default=False, description="The documents do not hold the answer.")
    tags: list[Line] = Field(default=[], max_length=20)

    def to_question(self, set_id: UUID) -> GoldenQuestion:
        return golden_question(
            set_id,
            self.text,
            tuple((turn.actor, turn.text) for turn in self.history),
            document_ids=tuple(dict.fromkeys(self.document_ids)),
            filenames=tuple(dict.fromkeys(self.filenames)),
            answers=tuple(self.answers),
            unanswerable=self.unanswerable,
            tags=tuple(dict.fromkeys(self.tags)),
        )


class QuestionsRequest(RequestModel):
    """All questions of a set; they replace those that it had."""

    questions: list[QuestionRequest] = Field(max_length=MAX_QUESTIONS)


class QuestionTurn(BaseModel):
    """An earlier turn of the conversation."""

    actor: Literal["user", "assistant"]
    text: str


class QuestionBody(BaseModel):
    """A judged question; its `id` stays the same as long as text and history do."""

    id: UUID
    text: str
    history: list[QuestionTurn]
    document_ids: list[UUID]
    filenames: list[str]
    answers: list[str]
    unanswerable: bool
    tags: list[str]
    message_id: UUID | None = Field(description="The answer of a conversation that it was taken from.")

    @classmethod
    def of(cls, question: GoldenQuestion) -> Self:
        turns = [{"actor": actor, "text": text} for actor, text in question.history]
        return cls.model_validate(question.as_json() | {"history": turns})


class Questions(BaseModel):
    """A page of questions in their order; `next_after` is the `after` of the next page."""

    questions: list[QuestionBody]
    next_after: int | None


class MessageRequest(RequestModel):
    """A verdict on an answer of one's own conversation."""

    message_id: UUID
    verdict: Verdict = Field(description="`wrong` needs the right answers or documents.")
    answers: list[GoldenAnswer] = Field(default=[], max_length=20)
    document_ids: list[UUID] = Field(default=[], max_length=50)


class RunRequest(RequestModel):
    """A set to be evaluated."""

    set_id: UUID
    label: Line | None = None
    overrides: dict[str, SettingValue] | None = Field(
        default=None,
        max_length=20,
        description="Settings to try, laid over the deployment's own. Without it the configuration that is in"
        " force is measured; `{}` measures the deployment's own.",
        examples=[{"retrieval.fusion": "rrf", "retrieval.rrf_k": 60}],
    )


class RunBody(BaseModel):
    """A run and, once it is completed, its figures: each with its 95 % interval and number of questions."""

    id: UUID
    set_id: UUID
    label: str
    state: RunState
    overrides: dict[str, SettingValue]
    digest: str = Field(description="Of the whole configuration: two equal ones measure the same.")
    set_revision: int
    total: int
    done: int
    failure: str | None
    paused: str | None = Field(description="Why it waits, while it is open; it goes on by itself.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    summary: Summary | None

    @classmethod
    def of(cls, run: Run, *, with_summary: bool = True) -> Self:
        body = cls.model_validate(run, from_attributes=True)
        return body if with_summary else body.model_copy(update={"summary": None})


class RunPage(BaseModel):
    """Newest first, without figures. `next_cursor` leads to the next page."""

    runs: list[RunBody]
    next_cursor: str | None


class ResultBody(BaseModel):
    """One scored question."""

    position: int
    result: QuestionResult


class Results(BaseModel):
    """A page of scored questions; `next_after` is the `after` of the next page."""

    results: list[ResultBody]
    next_after: int | None


class ConditionRequest(RequestModel):
    """At least one bound. `maximum_drop` is the loss against the baseline that is allowed."""

    metric: Annotated[str, StringConstraints(max_length=50)] = Field(examples=["ndcg@10"])
    minimum: Figure | None = None
    maximum: Figure | None = None
    maximum_drop: Figure | None = Field(default=None, ge=0)

    def to_condition(self) -> Condition:
        return Condition(self.metric, self.minimum, self.maximum, self.maximum_drop)


class GateRequest(RequestModel):
    """A gate for configurations, judged by runs of one set."""

    name: Line
    set_id: UUID
    conditions: list[ConditionRequest] = Field(min_length=1, max_length=30)
    baseline_run_id: UUID | None = Field(
        default=None, description="A run of the set; needed by `maximum_drop`."
    )

    @model_validator(mode="after")
    def _has_baseline(self) -> Self:
        drops = any(condition.maximum_drop is not None for condition in self.conditions)
        if drops and self.baseline_run_id is None:
            raise ValueError("maximum_drop needs a baseline_run_id")
        return self


class GateBody(BaseModel):
    """A gate."""

    id: UUID
    set_id: UUID
    name: str
    conditions: list[Condition]
    baseline_run_id: UUID | None
    created_at: datetime

    @classmethod
    def of(cls, gate: Gate) -> Self:
        return cls.model_validate(gate, from_attributes=True)


class GateList(BaseModel):
    """All gates of the organization, newest first."""

    gates: list[GateBody]


class ActivateRequest(RequestModel):
    """The run whose configuration is to go live."""

    run_id: UUID


class ActivationBody(BaseModel):
    """A configuration that went live; `gate_id` is `null` for the return to the deployment's own settings."""

    id: UUID
    overrides: dict[str, SettingValue]
    digest: str
    gate_id: UUID | None
    run_id: UUID | None
    verdict: dict[str, Any]
    activated_by: UUID | None
    activated_at: datetime

    @classmethod
    def of(cls, activation: Activation) -> Self:
        return cls.model_validate(activation, from_attributes=True)


class ConfigurationBody(BaseModel):
    """What is in force: settings that differ from the deployment's own, and what was before, newest first."""

    overrides: dict[str, SettingValue]
    activations: list[ActivationBody]
