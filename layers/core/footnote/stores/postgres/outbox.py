"""Events in Postgres: the outbox for the jobs, and what consumers write beside their markers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from footnote.platform.logging import get_logger
from footnote.quota.events import Event, EventMismatch
from footnote.quota.reconciliation import AddedUp, Backlog, Page, PlatformTotals, Recounted
from footnote.stores.postgres.database import Cursor, Database

logger = get_logger("events")

_GRACE_S = 1.0
_MARK = """
INSERT INTO quota.processed_events (organization_id, consumer, event_id, payload_hash)
VALUES (%(organization_id)s, %(consumer)s, %(event_id)s, %(payload_hash)s)
ON CONFLICT DO NOTHING
"""
_MARKER = """
SELECT payload_hash FROM quota.processed_events
 WHERE organization_id = %(organization_id)s AND consumer = %(consumer)s AND event_id = %(event_id)s
"""
# In the order of the key, so that two events of an organization never wait for each other in a circle.
_ADD_USAGE = """
INSERT INTO quota.usage_daily AS d (organization_id, day, meter, model, feature, units, cost_micro_usd)
SELECT %(organization_id)s, (%(at)s::timestamptz AT TIME ZONE 'UTC')::date, l.meter, l.model, %(feature)s,
       sum(l.units), sum(l.cost_micro_usd)
  FROM jsonb_to_recordset(%(lines)s) AS l (meter text, model text, units bigint, cost_micro_usd bigint)
 GROUP BY l.meter, l.model ORDER BY l.meter, l.model
ON CONFLICT (organization_id, day, meter, model, feature) DO UPDATE
   SET units = d.units + excluded.units, cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd
"""


async def mark_within(cursor: Cursor, consumer: str, event: Event) -> bool:
    """Marks an event as processed in the transaction of `cursor`, whose effect then happens once.

    Returns:
        Whether it was new; if it was not, there is nothing to do.

    Raises:
        EventMismatch: It was processed before with another content.
    """
    values = marker_values(consumer, event)
    await cursor.execute(_MARK, values)
    if cursor.rowcount == 1:
        return True
    if not await is_marked_within(cursor, consumer, event):
        raise RuntimeError(f"the marker of {event.event_id} has just been removed")
    return False


async def is_marked_within(cursor: Cursor, consumer: str, event: Event) -> bool:
    """Whether an event was processed.

    Raises:
        EventMismatch: It was, with another content.
    """
    await cursor.execute(_MARKER, marker_values(consumer, event))
    row = await cursor.fetchone()
    if row is None:
        return False
    if bytes(row["payload_hash"]) != event.digest:
        raise EventMismatch(f"Event {event.event_id} was processed before with another content.")
    return True


def marker_values(consumer: str, event: Event) -> dict[str, Any]:
    """The columns of a marker."""
    return {
        "organization_id": event.organization_id,
        "consumer": consumer,
        "event_id": event.event_id,
        "payload_hash": event.digest,
    }


class PostgresUsageRollup:
    """`footnote.quota.events.UsageRollup` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_usage(self, consumer: str, event: Event) -> bool:
        """See `UsageRollup.add_usage`. Usage of an organization that is gone is nobody's any more."""
        payload = event.payload
        values = {
            "organization_id": event.organization_id,
            "at": payload["at"],
            "feature": payload["feature"],
            "lines": Jsonb(payload["lines"]),
        }
        try:
            async with self._database.tenant_tx(event.context, background=True) as cursor:
                is_new = await mark_within(cursor, consumer, event)
                if is_new:
                    await cursor.execute(_ADD_USAGE, values)
        except psycopg.errors.ForeignKeyViolation:
            logger.warning("an event of an organization that is gone", extra={"event_id": event.event_id})
            return False
        return is_new


class PostgresMeteringJobs:
    """`MeteringJobs`, `Outbox` and `Books` on Postgres: definer functions that footnote_jobs may call.

    Args:
        database: Transactions outside of organizations.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expire_next(self, grace_s: int) -> bool:
        """See `MeteringJobs.expire_next`."""
        return bool(await self._value("SELECT metering.expire_next(%s) AS value", grace_s))

    async def purge_holds(self, limit: int) -> int:
        """See `MeteringJobs.purge_holds`."""
        return int(await self._value("SELECT metering.purge_holds(%s) AS value", limit))

    async def purge_events(self, usage_s: int, others_s: int, limit: int) -> int:
        """See `MeteringJobs.purge_events`."""
        statement = "SELECT metering.purge_events(%s, %s, %s) AS value"
        return int(await self._value(statement, usage_s, others_s, limit))

    async def purge_processed(self, older_s: int, limit: int) -> int:
        """See `MeteringJobs.purge_processed`."""
        return int(await self._value("SELECT metering.purge_processed(%s, %s) AS value", older_s, limit))

    async def purge_billing(self, requests_s: int, events_s: int, limit: int) -> int:
        """See `MeteringJobs.purge_billing`."""
        statement = "SELECT metering.purge_billing(%s, %s, %s) AS value"
        return int(await self._value(statement, requests_s, events_s, limit))

    async def claim(self, limit: int, lease_s: int) -> list[Event]:
        """See `Outbox.claim`."""
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute("SELECT * FROM metering.claim_events(%s, %s)", (limit, lease_s))
            return [Event(**row) for row in await cursor.fetchall()]

    async def confirm(self, events: Sequence[Event]) -> None:
        """See `Outbox.confirm`."""
        organizations = [event.organization_id for event in events]
        ids = [event.event_id for event in events]
        statement = "SELECT metering.confirm_events(%s::uuid[], %s::text[]) AS value"
        await self._value(statement, organizations, ids)

    async def compare(self, after: UUID | None, limit: int) -> Page:
        """See `Books.compare`."""
        statement = "SELECT metering.reconcile_organizations(%s::uuid, %s) AS value"
        found = await self._value(statement, after, limit, snapshot=True)
        return Page(
            organizations=found["organizations"],
            windows=found["windows"],
            last=UUID(found["last"]) if found["last"] else None,
            count=found["count"],
            differences=found["differences"],
        )

    async def add_up(self, after: UUID | None, least: int, rows: int) -> AddedUp | None:
        """See `Books.add_up`."""
        statement = "SELECT metering.add_up_next(%s::uuid, %s, %s) AS value"
        found = await self._value(statement, after, least, rows)
        return None if found is None else AddedUp(UUID(found["id"]), found["again"])

    async def recount(self, after: UUID | None, every_s: int, limit_s: float) -> Recounted | None:
        """See `Books.recount`. One statement, however long the ledger: other limits than all other work."""
        async with self._database.definer_tx(background=True) as cursor:
            cursor.limit_s = limit_s + _GRACE_S
            await cursor.execute(f"SET LOCAL statement_timeout = {max(1, int(1000 * limit_s))}".encode())
            await cursor.execute("SELECT metering.recount_next(%s::uuid, %s) AS value", (after, every_s))
            row = await cursor.fetchone()
        found = row["value"] if row else None
        if found is None:
            return None
        return Recounted(UUID(found["id"]), found["count"], found["differences"])

    async def platform(self) -> PlatformTotals:
        """See `Books.platform`."""
        async with self._database.definer_tx(background=True, snapshot=True) as cursor:
            await cursor.execute("SELECT * FROM metering.reconcile_platform()")
            row = await cursor.fetchone()
        assert row is not None
        return PlatformTotals(**row)

    async def backlog(self) -> Backlog:
        """See `Books.backlog`."""
        async with self._database.definer_tx(background=True, snapshot=True) as cursor:
            await cursor.execute("SELECT * FROM metering.backlog()")
            row = await cursor.fetchone()
        assert row is not None
        return Backlog(**row)

    async def _value(self, statement: str, *values: Any, snapshot: bool = False) -> Any:
        async with self._database.definer_tx(background=True, snapshot=snapshot) as cursor:
            await cursor.execute(statement, values)
            row = await cursor.fetchone()
        assert row is not None
        return row["value"]
