"""What the semantic cache needs of a store. The adapter is in `stores/postgres`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class CachedQuestion:
    """A question whose answer is cached.

    Attributes:
        text: As it was asked, in its exact form.
        entry: Digest under which the answer is found.
        asked_at: When; of a scope only the most recent are kept.
    """

    text: str
    entry: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class NearQuestion:
    """A cached question near to another one; `similarity` is the cosine of their vectors."""

    text: str
    entry: str
    similarity: float
    asked_at: datetime


class QuestionIndex(Protocol):
    """The most recent cached questions of each scope.

    A scope is a digest of all that an answer depends on but its question.
    Every method raises `ServiceUnavailable` where the store fails; the caller goes on without it.
    """

    async def nearest(
        self, context: OrganizationContext, scope: str, vector: Sequence[float], limit: int
    ) -> list[NearQuestion]:
        """The nearest questions of the scope, nearest first; all of one embedding model."""
        ...

    async def add(
        self,
        context: OrganizationContext,
        scope: str,
        question: CachedQuestion,
        vector: Sequence[float],
        ttl_s: int,
    ) -> None:
        """Lists a question for a time; the oldest beyond the scope's bound go."""
        ...

    async def remove(self, context: OrganizationContext, scope: str, entry: str) -> None:
        """Strikes a question whose answer is gone."""
        ...
