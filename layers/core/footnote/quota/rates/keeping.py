"""The terms of organizations, remembered for a moment: every call asks for them."""

from __future__ import annotations

import math
from collections import OrderedDict
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota.rates.models import RateTerms
from footnote.quota.rates.ports import RateTermsSource

logger = get_logger("rates")


class KeptTerms:
    """Terms that are at most so old; while their source is down, the last known ones, or none.

    Args:
        source: The authority.
        clock: Time.
        keep_s: Seconds after which they are read anew.
        most: Organizations that are remembered.
    """

    def __init__(self, source: RateTermsSource, clock: Clock, *, keep_s: float, most: int = 1_000) -> None:
        self._source = source
        self._clock = clock
        self._keep_s = keep_s
        self._most = most
        self._known: OrderedDict[UUID, tuple[float, RateTerms]] = OrderedDict()
        self._away_until = -math.inf

    @property
    def keep_s(self) -> float:
        """Seconds after which every process knows of a change."""
        return self._keep_s

    async def get(self, context: OrganizationContext) -> RateTerms:
        """The organization's terms. A source that is down is not asked again before `keep_s` are over.

        So a database that hangs makes one caller wait, not the first one of each organization.
        """
        now = self._clock.monotonic()
        known = self._known.get(context.organization_id)
        if known is not None and now - known[0] < self._keep_s:
            return known[1]
        if now < self._away_until:
            return known[1] if known else RateTerms()
        try:
            terms = await self._source.rate_terms(context)
        except ServiceUnavailable:
            logger.warning("rate terms unavailable")
            self._away_until = self._clock.monotonic() + self._keep_s
            return known[1] if known else RateTerms()
        self._known[context.organization_id] = (now, terms)
        self._known.move_to_end(context.organization_id)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return terms

    def forget(self, organization_id: UUID) -> None:
        """Reads the organization's terms anew with the next call."""
        self._known.pop(organization_id, None)
