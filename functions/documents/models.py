"""Bodies of the document routes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from footnote.knowledge import Document, DocumentStatus
from footnote.knowledge.documents import Announcement
from footnote.knowledge.ports import UploadTicket
from footnote.platform.fields import Line, Title, Whole
from footnote.platform.http import RequestModel


def _plain_name(name: str) -> str:
    if "/" in name or "\\" in name or name in {".", ".."}:
        raise ValueError("a file name without folders is needed")
    return name


class DocumentRequest(RequestModel):
    """A document to come. With the `sha256` of a known one, nothing needs to be uploaded."""

    filename: Annotated[Line, AfterValidator(_plain_name)] = Field(examples=["handbook.pdf"])
    title: Title | None = Field(default=None, description="By default the title found in the document.")
    category: Line | None = None
    tags: list[Line] = Field(default=[], max_length=20)
    content_type: (
        Annotated[str, StringConstraints(pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.+-]+)*$", max_length=255)]
        | None
    ) = Field(default=None, description="MIME type that will be sent; by default that of the file's ending.")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)] | None = None
    size_bytes: Whole | None = Field(default=None, ge=1, le=2**53)

    def to_announcement(self) -> Announcement:
        return Announcement(
            filename=self.filename,
            title=self.title,
            category=self.category,
            tags=tuple(dict.fromkeys(self.tags)),
            content_type=self.content_type,
            sha256=self.sha256,
            size_bytes=self.size_bytes,
        )


class Failure(BaseModel):
    """Why reading ended; `retryable`: the same file may well be read on a further try."""

    code: str
    reason: str
    retryable: bool


class DocumentBody(BaseModel):
    """A document.

    `status` is that of the newest file; `version` is what is searched meanwhile, `null` where nothing is.
    """

    id: UUID
    title: str
    filename: str
    format: str
    source: str
    status: DocumentStatus
    stage: str = Field(description="How far reading has come.")
    version: int | None
    size_bytes: int | None
    category: str | None
    tags: list[str]
    units_kind: str | None = Field(description="What the units are: pages, slides, sheets.")
    units_total: int
    units_read: int = Field(description="Those that gave text.")
    chunk_count: int
    language: str | None
    warnings: list[str]
    failure: Failure | None
    duplicate_of: UUID | None = Field(description="The document with the same bytes.")
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, document: Document) -> Self:
        failure = None
        if document.failure_code is not None:
            reason = document.failure_reason or ""
            failure = Failure(code=document.failure_code, reason=reason, retryable=document.failure_retryable)
        return cls(
            id=document.id,
            title=document.title,
            filename=document.filename,
            format=document.format,
            source=document.source,
            status=document.status,
            stage=document.stage.value,
            version=document.version,
            size_bytes=document.size_bytes,
            category=document.category,
            tags=list(document.tags),
            units_kind=document.units_kind,
            units_total=document.units_total,
            units_read=document.units_read,
            chunk_count=document.chunk_count,
            language=document.language,
            warnings=list(document.warnings),
            failure=failure,
            duplicate_of=document.duplicate_of,
            created_by=document.created_by,
            created_at=document.created_at,
            updated_at=document.updated_at,
        )


class Upload(BaseModel):
    """Send the bytes to `url` with exactly these `headers` before `expires_at`."""

    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: datetime

    @classmethod
    def of(cls, ticket: UploadTicket) -> Self:
        return cls(method="PUT", url=ticket.url, headers=ticket.headers, expires_at=ticket.expires_at)


class AnnouncedDocument(BaseModel):
    """`upload` is `null` where the bytes are known already: then `document` is the one that has them."""

    document: DocumentBody
    upload: Upload | None


class DocumentPage(BaseModel):
    """Newest first. `next_cursor` leads to the next page and is `null` on the last one."""

    documents: list[DocumentBody]
    next_cursor: str | None
