"""Request bodies that search and chat have in common."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from footnote.knowledge.models import SearchFilters
from footnote.models import Turn
from footnote.platform.fields import Day, Line, check_storable
from footnote.platform.http import RequestModel


def _readable(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    check_storable(text)  # here, so that of several texts the wrong one is named
    return text


Text = Annotated[str, AfterValidator(_readable)]
"""What a member wrote: not empty, and text that can be stored."""


class FilterRequest(RequestModel):
    """Narrows the documents that are searched. Dates are days in UTC, both inclusive."""

    category: Line | None = None
    tags: list[Line] = Field(default=[], max_length=20, description="All of them.")
    source: Literal["upload", "s3", "api", "web", "manual"] | None = None
    date_from: Day | None = None
    date_to: Day | None = None
    document_ids: list[UUID] = Field(default=[], max_length=100, description="Any of them.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from is later than date_to")
        return self

    def to_filters(self) -> SearchFilters:
        """The filters of a search."""
        return SearchFilters(
            category=self.category,
            tags=tuple(self.tags),
            source=self.source,
            date_from=datetime.combine(self.date_from, time.min, UTC) if self.date_from else None,
            date_to=datetime.combine(self.date_to, time.max, UTC) if self.date_to else None,
            document_ids=tuple(self.document_ids),
        )


class TurnRequest(RequestModel):
    """An earlier message of a conversation that the client keeps."""

    actor: Literal["user", "assistant"]
    text: Annotated[Text, Field(min_length=1, max_length=20_000)]

    def to_turn(self) -> Turn:
        """The turn."""
        return Turn(self.actor, self.text)
