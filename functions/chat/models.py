"""Bodies of the chat routes (section 7 of the reference document)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from footnote.chat import MESSAGE_CHARACTERS, ChatQuestion, Message, Session
from footnote.knowledge.requests import FilterRequest, Text, TurnRequest
from footnote.platform.fields import Figure, Flag, Whole
from footnote.platform.http import RequestModel


class ChatRequest(RequestModel):
    """A question. Without `session_id` it begins a new conversation."""

    message: Annotated[
        Text,
        Field(
            min_length=1, max_length=MESSAGE_CHARACTERS, examples=["What is retrieval-augmented generation?"]
        ),
    ]
    session_id: UUID | None = None
    history: list[TurnRequest] = Field(
        default=[], max_length=50, description="Oldest first; instead of `session_id`, never with it."
    )
    enable_rag: Flag = Field(default=True, description="Answer from the organization's documents.")
    stream: Flag = Field(default=False, description="Answer as Server-Sent Events.")
    filters: FilterRequest = FilterRequest()
    max_tokens: Whole = Field(default=512, ge=50, le=2000)
    temperature: Figure = Field(default=0.7, ge=0.0, le=1.0)
    cache: Flag = Field(default=True, description="Whether a cached answer will do.")

    def to_question(self) -> ChatQuestion:
        return ChatQuestion(
            message=self.message,
            session_id=self.session_id,
            history=tuple(turn.to_turn() for turn in self.history),
            enable_rag=self.enable_rag,
            filters=self.filters.to_filters(),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            use_cache=self.cache,
        )


class SourceLocation(BaseModel):
    """Where in the file: page, slide, sheet or section, counted from 1."""

    model_config = {"populate_by_name": True}

    kind: str
    first: int | None = Field(alias="from")
    to: int | None
    label: str | None


class SourceSpan(BaseModel):
    """Half-open character range in the document's text."""

    start: int
    end: int


class SourceEvidence(SourceSpan):
    """One exact quotation."""

    text: str


class ChatSource(BaseModel):
    """A cited passage; `number` is the `[n]` of the answer."""

    number: int
    document_id: UUID
    title: str
    filename: str
    version: int
    excerpt: str
    location: SourceLocation | None
    page: int | None
    heading_path: list[str]
    span: SourceSpan
    evidence: list[SourceEvidence]
    relevance_score: float


class ChatCachePath(BaseModel):
    """How a cached answer was found: `exact`, or `semantic` by a question that asks the same otherwise."""

    way: Literal["exact", "semantic"]
    tier: Literal["memory", "redis", "store"]
    similarity: float
    age_s: float


class ChatGroundedSentence(BaseModel):
    """A sentence of the answer (half-open range of its characters) and the passage that supports it best."""

    start: int
    end: int
    support: float
    number: int | None
    verdict: Literal["supported", "partial", "unsupported", "exempt"]


class ChatGrounding(BaseModel):
    """How far the answer rests on the passages: its sentences by verdict, and their mean support."""

    supported: int
    partial: int
    unsupported: int
    dropped: int
    score: float | None
    sentences: list[ChatGroundedSentence]


class ChatCost(BaseModel):
    """What the answer cost in micro-USD, as in the ledger, under one version of the price table."""

    total_micro_usd: int
    embedding: int
    rerank: int
    input: int
    cached: int
    output: int
    compute: int
    price_version: int


class ChatMetadata(BaseModel):
    """How the answer came to be. `limited_to_tokens`: the longest answer that limits allowed."""

    tokens_used: int
    response_time_ms: int
    model_used: str
    cached: bool
    confidence: float
    abstained: bool
    strategy: str
    degraded: str | None
    prompt_version: str | None
    passages_considered: int
    citations_removed: int
    finish_reason: str
    interrupted: bool
    cache: ChatCachePath | None
    answered: Literal["full", "partial", "none"]
    grounding: ChatGrounding | None
    cost: ChatCost | None
    limited_to_tokens: int | None


class ChatResponse(BaseModel):
    """An answer with its sources."""

    session_id: UUID
    message_id: UUID
    answer: str
    sources: list[ChatSource]
    metadata: ChatMetadata


class ChatSession(BaseModel):
    """A conversation; `title` is its first message, shortened."""

    id: UUID
    title: str
    message_count: int
    created_at: datetime
    updated_at: datetime


class ChatSessions(BaseModel):
    """A page of conversations, most recently used first."""

    sessions: list[ChatSession]
    next_cursor: str | None

    @classmethod
    def of(cls, sessions: list[Session], next_cursor: str | None) -> Self:
        found = [ChatSession.model_validate(session, from_attributes=True) for session in sessions]
        return cls(sessions=found, next_cursor=next_cursor)


class ChatMessage(BaseModel):
    """A message as it was sent or answered; a question has neither sources nor metadata."""

    id: UUID
    position: int
    actor: Literal["user", "assistant"]
    message: str
    sources: list[dict[str, Any]]
    metadata: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(
            id=message.id,
            position=message.position,
            actor=message.actor,
            message=message.text,
            sources=message.sources,
            metadata=message.metadata,
            created_at=message.created_at,
        )


class ChatMessages(BaseModel):
    """A page of a conversation, oldest first; `next_after` is the `after` of the next page."""

    session_id: UUID
    messages: list[ChatMessage]
    next_after: int | None
