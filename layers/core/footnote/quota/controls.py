"""What members see of their quota, and what the organization's managers set: caps, rates, blocks."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, NotFound, NotPermitted, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota.meters import CAPPED, Meter
from footnote.quota.models import Terms, Window
from footnote.quota.ports import QuotaStore
from footnote.quota.rates import (
    Allowance,
    Block,
    BlockCopies,
    KeptTerms,
    QuotaSettingsStore,
    RateOverride,
    Rates,
    Subject,
)

logger = get_logger("quota")

_LONGEST_RATE = timedelta(days=3660)
# A copy of a block is for the time until all processes have read the block itself, and some more. It ends by
# itself: one that could not be removed must not outlive a block that was lifted.
_COPY_KEPT = 6

EVERYONE = UUID(int=0)
"""Stands for every member without caps of their own."""


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it for one member.

    Attributes:
        organization: A window for each meter; that of `concurrent_requests` has what runs as reserved.
        member: Of the meters that are capped by member.
        rates: In force for the caller.
    """

    terms: Terms
    organization: tuple[Window, ...]
    member: tuple[Window, ...]
    rates: tuple[Allowance, ...]


class QuotaControls:
    """Shows and changes what may be used.

    Args:
        quota: Terms of plans.
        settings: Caps, overrides and blocks.
        rates: Limits in force.
        terms: What this process remembers of them.
        copies: Of blocks, which take effect at once.
        defaults: Requests a minute by class, where a plan says nothing.
        clock: Time.
    """

    def __init__(
        self,
        quota: QuotaStore,
        settings: QuotaSettingsStore,
        rates: Rates,
        terms: KeptTerms,
        copies: BlockCopies,
        defaults: Mapping[str, int | None],
        clock: Clock,
    ) -> None:
        self._quota = quota
        self._settings = settings
        self._rates = rates
        self._terms = terms
        self._copies = copies
        self._defaults = defaults
        self._clock = clock

    async def overview(self, context: OrganizationContext) -> Overview:
        """What the member's organization and the member may use, and do use."""
        terms = await self._quota.terms(context)
        caps = await self.effective_caps(context, context.acting_user())
        limits: dict[str, int | None] = {**terms.limits, Meter.COST: terms.cost_limit}
        windows = await self._settings.usage(context)
        organization = [replace(one, limit=limits.get(one.meter)) for one in windows if one.user_id is None]
        member = [
            replace(one, limit=caps.get(one.meter))
            for one in windows
            if one.user_id is not None and one.meter in CAPPED
        ]
        rates = tuple(await self._rates.in_force(context))
        return Overview(terms, tuple(organization), tuple(member), rates)

    async def effective_caps(self, context: OrganizationContext, user_id: UUID) -> dict[str, int]:
        """A member's own caps, and everyone's where the member has none of a meter."""
        own = await self._settings.caps(context, user_id)
        return {**await self._settings.caps(context, EVERYONE), **own}

    async def caps(self, context: OrganizationContext, user_id: UUID) -> dict[str, int]:
        """What is set for the member alone, or for everyone; raises `NotFound` for strangers."""
        await self._check_capped(context, user_id)
        return await self._settings.caps(context, user_id)

    async def put_caps(self, context: OrganizationContext, user_id: UUID, caps: Mapping[str, int]) -> None:
        """Replaces what is set for the member; raises `NotFound` for strangers."""
        await self._check_capped(context, user_id)
        await self._settings.put_caps(context, user_id, caps)

    async def overrides(self, context: OrganizationContext) -> list[RateOverride]:
        """The organization's own rates that have not ended."""
        return await self._settings.overrides(context)

    async def put_override(self, context: OrganizationContext, override: RateOverride) -> None:
        """Sets a rate from the next call on; other processes follow within `rates.terms_keep_s`.

        Raises:
            InvalidRequest: It allows more than the plan, would shut everybody out, or is over already.
            Conflict: There are too many.
            NotFound: The subject does not belong to the organization.
        """
        await self._check_subject(context, override.subject)
        if override.rate_class == "organization" and override.subject.kind != "organization":
            raise InvalidRequest(
                "The class 'organization' counts all calls together: set it for the organization."
            )
        terms = await self._settings.rate_terms(context)
        most = terms.planned(override.rate_class, self._defaults)
        if most is not None and override.per_minute > most:
            raise InvalidRequest(
                f"The plan allows {most} requests a minute of the class '{override.rate_class}'. "
                "Set no more than that, or choose a larger plan.",
                details={"limit": most},
            )
        if override.per_minute == 0 and override.rate_class in ("default", "organization"):
            raise InvalidRequest(
                f"With 0 requests of the class '{override.rate_class}' nobody could change that again. "
                "Set at least 1, or block the member or key."
            )
        if override.expires_at is not None:
            now = self._clock.now()
            if override.expires_at <= now:
                raise InvalidRequest("'expires_at' lies in the past.")
            if override.expires_at > now + _LONGEST_RATE:
                raise InvalidRequest("'expires_at' is more than ten years ahead. Leave it out instead.")
        await self._settings.put_override(context, override)
        self._terms.forget(context.organization_id)

    async def delete_override(self, context: OrganizationContext, subject: Subject, rate_class: str) -> None:
        """Returns to what holds otherwise; raises `NotFound` where nothing is set."""
        if not await self._settings.delete_override(context, subject, rate_class):
            raise NotFound(f"No rate of the class '{rate_class}' is set for this {subject.kind}.")
        self._terms.forget(context.organization_id)

    async def blocks(self, context: OrganizationContext) -> list[Block]:
        """Those that have not ended."""
        return await self._settings.blocks(context)

    async def put_block(self, context: OrganizationContext, block: Block) -> Block:
        """Blocks a member or key at once, whichever process its next call meets.

        Raises:
            InvalidRequest: Nobody blocks himself.
            Conflict: There are too many.
            NotPermitted: Only owners block owners.
            NotFound: The member does not belong to the organization.
        """
        subject = block.subject
        if subject.id in (context.user_id, context.key_id):
            raise InvalidRequest("You cannot block yourself or the key that you are using.")
        role = await self._check_subject(context, subject)
        if role == "owner" and context.role != "owner":
            raise NotPermitted("Only an owner of the organization can block an owner.")

        async def copy() -> None:
            keep_s = _COPY_KEPT * self._terms.keep_s
            await self._copy(self._copies.put(context.organization_id, subject, block.expires_at, keep_s))

        stored = await self._settings.put_block(context, block, copy)
        self._terms.forget(context.organization_id)
        return stored

    async def delete_block(self, context: OrganizationContext, subject: Subject) -> None:
        """Lifts a block; other processes follow within `rates.terms_keep_s`.

        Raises:
            NotFound: There is none.
            NotPermitted: Only owners lift the block of an owner.
        """
        is_limited = subject.kind == "user" and context.role != "owner"
        if is_limited and await self._settings.role_of(context, subject.id) == "owner":
            raise NotPermitted("Only an owner of the organization can lift the block of an owner.")

        async def copy() -> None:
            await self._copy(self._copies.remove(context.organization_id, subject))

        if not await self._settings.delete_block(context, subject, copy):
            raise NotFound(f"This {subject.kind} is not blocked.")
        self._terms.forget(context.organization_id)

    async def _copy(self, change: Awaitable[None]) -> None:
        """Without Redis a change holds as soon as each process has read it and the copy has ended."""
        try:
            await change
        except ServiceUnavailable:
            logger.warning("a block changes later: its copy could not be changed")

    async def _check_subject(self, context: OrganizationContext, subject: Subject) -> str | None:
        """The role of a member; API keys have none."""
        if subject.kind == "organization" and subject.id != context.organization_id:
            raise NotFound("There is no such organization.")
        return await self._role_of(context, subject.id) if subject.kind == "user" else None

    async def _check_capped(self, context: OrganizationContext, user_id: UUID) -> None:
        if user_id != EVERYONE:
            await self._role_of(context, user_id)

    async def _role_of(self, context: OrganizationContext, user_id: UUID) -> str:
        role = await self._settings.role_of(context, user_id)
        if role is None:
            raise NotFound("There is no such member in this organization.", details={"user_id": str(user_id)})
        return role
