"""The price table in Postgres, kept for a while: every request asks for it."""

from __future__ import annotations

from footnote.billing import PriceList
from footnote.platform.clock import Clock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota import Meter
from footnote.stores.postgres.database import Database

logger = get_logger("billing")

_NEWEST = """
SELECT p.version, p.meter, p.model, p.price FROM billing.prices p
 WHERE p.version = (SELECT max(v.version) FROM billing.price_versions v)
"""


class PostgresPrices:
    """`footnote.billing.Prices`: the newest version.

    Args:
        database: Transactions; the table is nobody's.
        clock: Time.
        keep_s: How long a version is used before the table is read again, in seconds.
    """

    def __init__(self, database: Database, clock: Clock, keep_s: float) -> None:
        self._database = database
        self._clock = clock
        self._keep_s = keep_s
        self._known: PriceList | None = None
        self._read_at = 0.0

    async def current(self) -> PriceList:
        """See `Prices.current`. While Postgres is down, the version that was known last."""
        now = self._clock.monotonic()
        if self._known is not None and now - self._read_at < self._keep_s:
            return self._known
        try:
            self._known = await self._read()
        except ServiceUnavailable:
            if self._known is None:
                raise
            logger.warning("the prices cannot be read; the last ones hold")
        self._read_at = now
        return self._known

    async def _read(self) -> PriceList:
        async with self._database.definer_tx() as cursor:
            await cursor.execute(_NEWEST)
            rows = await cursor.fetchall()
        return PriceList(
            rows[0]["version"], {(Meter(row["meter"]), row["model"]): row["price"] for row in rows}
        )
