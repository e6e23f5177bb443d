"""Bodies of the chat routes (section 7 of the reference document)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

from footnote.chat import MESSAGE_CHARACTERS, ChatQuestion, Message, Session
from footnote.knowledge import SearchFilters
from footnote.models import Turn
from footnote.platform.http import Line, RequestModel


def _readable(text: str) -> str:
    if not text.strip():
        raise ValueError("the message is empty")
    if "\x00" in text:
        raise ValueError("NUL characters are not allowed")
    return text


class ChatFilters(RequestModel):
    """Narrows the documents that are searched. Dates are days in UTC, both inclusive."""

    category: Line | None = None
    tags: list[Line] = Field(default=[], max_length=20, description="All of them.")
    source: Literal["upload", "s3", "api", "web", "manual"] | None = None
    date_from: date | None = None
    date_to: date | None = None
    document_ids: list[UUID] = Field(default=[], max_length=100, description="Any of them.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from is later than date_to")
        return self

    def to_filters(self) -> SearchFilters:
        return SearchFilters(
            category=self.category,
            tags=tuple(self.tags),
            source=self.source,
            date_from=datetime.combine(self.date_from, time.min, UTC) if self.date_from else None,
            date_to=datetime.combine(self.date_to, time.max, UTC) if self.date_to else None,
            document_ids=tuple(self.document_ids),
        )


class ChatTurn(RequestModel):
    """An earlier message of a conversation that the client keeps."""

    actor: Literal["user", "assistant"]
    text: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_readable)]


class ChatRequest(RequestModel):
    """A question. Without `session_id` it begins a new conversation."""

    message: Annotated[
        str,
        Field(
            min_length=1, max_length=MESSAGE_CHARACTERS, examples=["What is retrieval-augmented generation?"]
        ),
        AfterValidator(_readable),
    ]
    session_id: UUID | None = None
    history: list[ChatTurn] = Field(
        default=[], max_length=50, description="Oldest first; instead of `session_id`, never with it."
    )
    enable_rag: bool = Field(default=True, description="Answer from the organization's documents.")
    stream: bool = Field(default=False, description="Answer as Server-Sent Events.")
    filters: ChatFilters = ChatFilters()
    max_tokens: int = Field(default=512, ge=50, le=2000)
    temperature: float = Field(default=0.7, ge=0.0, le=1.0)

    def to_question(self) -> ChatQuestion:
        return ChatQuestion(
            message=self.message,
            session_id=self.session_id,
            history=tuple(Turn(turn.actor, turn.text) for turn in self.history),
            enable_rag=self.enable_rag,
            filters=self.filters.to_filters(),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
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


class ChatMetadata(BaseModel):
    """How the answer came to be."""

    tokens_used: int
    response_time_ms: int
    model_used: str
    cached: bool
    confidence: float
    abstained: bool
    strategy: str
    degraded: str | None
    prompt_version: str
    passages_considered: int
    citations_removed: int
    finish_reason: str
    interrupted: bool


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
