"""What rate limits need of stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.quota.models import Window
from footnote.quota.rates.models import Block, Caller, Counter, RateOverride, RateTerms, Subject, Verdict


class RateLimiter(Protocol):
    """Counts calls for all processes."""

    async def count(self, counters: Sequence[Counter], caller: Caller | None = None) -> Verdict:
        """Counts one call in every counter, or in none if one refuses or a block of `caller` applies.

        Raises:
            ServiceUnavailable: It cannot be known.
        """
        ...


class BlockCopies(Protocol):
    """The copies of blocks that take effect at once, while processes still remember older terms."""

    async def put(self, organization_id: UUID, subject: Subject, until: datetime, keep_s: float) -> None:
        """Keeps a copy for so long, or until the block ends; raises `ServiceUnavailable`."""
        ...

    async def remove(self, organization_id: UUID, subject: Subject) -> None:
        """Forgets the copy; raises `ServiceUnavailable`."""
        ...


class RateTermsSource(Protocol):
    """The authority on terms."""

    async def rate_terms(self, context: OrganizationContext) -> RateTerms:
        """The organization's terms; raises `ServiceUnavailable`."""
        ...


class QuotaSettingsStore(RateTermsSource, Protocol):
    """Caps, overrides and blocks. Every method is one transaction and raises `ServiceUnavailable`."""

    async def usage(self, context: OrganizationContext) -> list[Window]:
        """The current windows of the organization and of the acting member, used or not; without limits."""
        ...

    async def role_of(self, context: OrganizationContext, user_id: UUID) -> str | None:
        """A member's role in the organization; `None` for strangers."""
        ...

    async def caps(self, context: OrganizationContext, user_id: UUID) -> dict[str, int]:
        """A member's caps by meter; the zero id stands for everyone without their own."""
        ...

    async def put_caps(self, context: OrganizationContext, user_id: UUID, caps: Mapping[str, int]) -> None:
        """Replaces a member's caps."""
        ...

    async def overrides(self, context: OrganizationContext) -> list[RateOverride]:
        """All that have not ended."""
        ...

    async def put_override(self, context: OrganizationContext, override: RateOverride) -> None:
        """Makes or replaces one; raises `Conflict` where there are too many."""
        ...

    async def delete_override(self, context: OrganizationContext, subject: Subject, rate_class: str) -> bool:
        """Whether there was one."""
        ...

    async def blocks(self, context: OrganizationContext) -> list[Block]:
        """All that have not ended."""
        ...

    async def put_block(
        self, context: OrganizationContext, block: Block, copy: Callable[[], Awaitable[None]]
    ) -> Block:
        """Makes or replaces one. `copy` runs before the commit: copies follow the order of changes.

        Raises:
            Conflict: There are too many.
        """
        ...

    async def delete_block(
        self, context: OrganizationContext, subject: Subject, copy: Callable[[], Awaitable[None]]
    ) -> bool:
        """Whether there was one; `copy` as above."""
        ...
