"""How far budgets are used up, remembered for a moment: every question asks for it."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.quota.models import Stage
from footnote.quota.ports import QuotaStore

SAVING: frozenset[Stage] = frozenset({"hard", "emergency"})
"""The stages in which what is not needed is left out."""


class KeptStages:
    """The budgets' stages of organizations.

    Args:
        store: The authority.
        clock: Time.
        keep_s: How long a stage may be out of date, in seconds.
        most: Organizations that are remembered.
    """

    def __init__(self, store: QuotaStore, clock: Clock, *, keep_s: float = 10.0, most: int = 1_000) -> None:
        self._store = store
        self._clock = clock
        self._keep_s = keep_s
        self._most = most
        self._known: OrderedDict[UUID, tuple[float, bool]] = OrderedDict()

    async def saves(self, context: OrganizationContext) -> bool:
        """Whether the organization's budget or the platform's is nearly spent; false where nobody knows."""
        now = self._clock.monotonic()
        known = self._known.get(context.organization_id)
        if known is not None and now - known[0] < self._keep_s:
            return known[1]
        try:
            terms = await self._store.terms(context)
        except ServiceUnavailable:
            return False
        saves = bool(SAVING & {terms.stage, terms.platform_stage})
        self._known[context.organization_id] = (now, saves)
        self._known.move_to_end(context.organization_id)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return saves
