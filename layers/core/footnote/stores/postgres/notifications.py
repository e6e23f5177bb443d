"""Notifications in Postgres: who is mailed, where webhooks go, and who is telling an event right now."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.billing.notifications import Endpoint, NewEndpoint, Recipient
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, NotFound
from footnote.platform.ids import new_id
from footnote.platform.settings import EventSettings
from footnote.quota import Event, StillDelivering
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.outbox import is_marked_within, mark_within, marker_values

_ERROR_LENGTH = 500
_PEOPLE = """
SELECT u.user_id, u.email, o.name AS organization
  FROM core.memberships m
  JOIN core.users u ON u.user_id = m.user_id
  JOIN core.organizations o ON o.organization_id = m.organization_id
 WHERE m.organization_id = %(organization_id)s AND u.is_active
"""
_MANAGERS = _PEOPLE + " AND m.role IN ('owner', 'admin') ORDER BY u.user_id"
_MEMBER = _PEOPLE + " AND m.user_id = %(user_id)s"
_CLAIM = """
INSERT INTO quota.deliveries AS d (organization_id, consumer, event_id, claimed_until)
VALUES (%(organization_id)s, %(consumer)s, %(event_id)s,
        clock_timestamp() + make_interval(secs => %(lease_s)s))
ON CONFLICT (organization_id, consumer, event_id) DO UPDATE
   SET claimed_until = excluded.claimed_until, attempts = d.attempts + 1, updated_at = clock_timestamp()
 WHERE d.claimed_until < clock_timestamp()
RETURNING attempts
"""
_THIS = " WHERE organization_id = %(organization_id)s AND consumer = %(consumer)s AND event_id = %(event_id)s"
_UNCLAIM = "DELETE FROM quota.deliveries" + _THIS
_GIVE_BACK = (
    "UPDATE quota.deliveries SET claimed_until = clock_timestamp(), last_error = %(error)s,"
    " updated_at = clock_timestamp()" + _THIS
)
_COLUMNS = (
    "endpoint_id, url, description, topics, failures, last_error, disabled_at, disabled_reason, created_at"
)
_ENDPOINTS = f"SELECT {_COLUMNS} FROM quota.webhook_endpoints WHERE organization_id = %(organization_id)s"
_IN_ORDER = " ORDER BY created_at, endpoint_id"
_ONE = " AND endpoint_id = %(endpoint_id)s"
_ADD = f"""
INSERT INTO quota.webhook_endpoints (organization_id, endpoint_id, url, description, topics, created_by)
VALUES (%(organization_id)s, %(endpoint_id)s, %(url)s, %(description)s, %(topics)s, %(user_id)s)
RETURNING {_COLUMNS}
"""
_DELETE = """
DELETE FROM quota.webhook_endpoints
 WHERE organization_id = %(organization_id)s AND endpoint_id = %(endpoint_id)s
"""
_SUCCEEDED = """
UPDATE quota.webhook_endpoints
   SET failures = 0, failing_since = NULL, last_error = NULL, disabled_at = NULL, disabled_reason = NULL
 WHERE organization_id = %(organization_id)s AND endpoint_id = %(endpoint_id)s
"""
_FAILED = """
UPDATE quota.webhook_endpoints
   SET failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()),
       last_error = %(error)s
 WHERE organization_id = %(organization_id)s AND endpoint_id = %(endpoint_id)s AND disabled_at IS NULL
RETURNING failures, failing_since <= clock_timestamp() - make_interval(secs => %(failing_s)s) AS is_lasting
"""
_DISABLE = """
UPDATE quota.webhook_endpoints SET disabled_at = clock_timestamp(), disabled_reason = %(reason)s
 WHERE organization_id = %(organization_id)s AND endpoint_id = %(endpoint_id)s
RETURNING extract(epoch FROM disabled_at)::bigint AS at
"""
_TELL = """
INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
VALUES (%(organization_id)s, %(event_id)s, 'webhook.disabled', %(payload)s)
ON CONFLICT DO NOTHING
"""


class PostgresRecipients:
    """`footnote.billing.notifications.Recipients` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def managers(self, context: OrganizationContext) -> list[Recipient]:
        """See `Recipients.managers`."""
        return await self._people(context, _MANAGERS)

    async def member(self, context: OrganizationContext, user_id: UUID) -> Recipient | None:
        """See `Recipients.member`."""
        found = await self._people(context, _MEMBER, user_id=user_id)
        return found[0] if found else None

    async def _people(self, context: OrganizationContext, statement: str, **values: Any) -> list[Recipient]:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(statement, {"organization_id": context.organization_id, **values})
            return [Recipient(**row) for row in await cursor.fetchall()]


class PostgresClaims:
    """`footnote.billing.notifications.Claims` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, consumer: str, event: Event, lease_s: int) -> bool:
        """See `Claims.claim`."""
        values = {**marker_values(consumer, event), "lease_s": lease_s}
        async with self._database.tenant_tx(event.context) as cursor:
            await cursor.execute(_CLAIM, values)
            is_ours = cursor.rowcount == 1
            # After the claim: whoever had it before has committed marker and end of claim together.
            if await is_marked_within(cursor, consumer, event):
                await cursor.execute(_UNCLAIM, values)
                return False
        if not is_ours:
            raise StillDelivering(f"Event {event.event_id} is being told by another process.")
        return True

    async def done(self, consumer: str, event: Event) -> None:
        """See `Claims.done`."""
        async with self._database.tenant_tx(event.context) as cursor:
            await mark_within(cursor, consumer, event)
            await cursor.execute(_UNCLAIM, marker_values(consumer, event))

    async def failed(self, consumer: str, event: Event, error: str) -> None:
        """See `Claims.failed`."""
        values = {**marker_values(consumer, event), "error": error[:_ERROR_LENGTH]}
        async with self._database.tenant_tx(event.context) as cursor:
            await cursor.execute(_GIVE_BACK, values)


class PostgresEndpointStore:
    """`footnote.billing.notifications.EndpointStore` on Postgres.

    Args:
        database: Tenant transactions.
        settings: When an endpoint is switched off.
    """

    def __init__(self, database: Database, settings: EventSettings) -> None:
        self._database = database
        self._settings = settings

    async def list(self, context: OrganizationContext) -> Sequence[Endpoint]:
        """See `EndpointStore.list`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ENDPOINTS + _IN_ORDER, {"organization_id": context.organization_id})
            return [_endpoint(row) for row in await cursor.fetchall()]

    async def get(self, context: OrganizationContext, endpoint_id: UUID) -> Endpoint:
        """See `EndpointStore.get`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ENDPOINTS + _ONE, _key(context, endpoint_id))
            row = await cursor.fetchone()
        if row is None:
            raise _no_endpoint()
        return _endpoint(row)

    async def add(self, context: OrganizationContext, endpoint: NewEndpoint, most: int) -> Endpoint:
        """See `EndpointStore.add`."""
        values = {
            **_key(context, new_id()),
            "url": endpoint.url,
            "description": endpoint.description,
            "topics": list(endpoint.topics),
            "user_id": context.user_id,
        }
        async with self._database.tenant_tx(context) as cursor:
            # Two managers that add the last one allowed take turns.
            await cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                (f"webhook_endpoints:{context.organization_id}",),
            )
            await cursor.execute(_ENDPOINTS, values)
            if len(await cursor.fetchall()) >= most:
                raise Conflict(f"There are {most} webhook endpoints already. Delete one that is not needed.")
            await cursor.execute(_ADD, values)
            row = await cursor.fetchone()
        assert row is not None
        return _endpoint(row)

    async def delete(self, context: OrganizationContext, endpoint_id: UUID) -> None:
        """See `EndpointStore.delete`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_DELETE, _key(context, endpoint_id))
            if cursor.rowcount == 0:
                raise _no_endpoint()

    async def succeeded(self, context: OrganizationContext, endpoint_id: UUID) -> None:
        """See `EndpointStore.succeeded`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SUCCEEDED, _key(context, endpoint_id))

    async def failed(
        self, context: OrganizationContext, endpoint: Endpoint, error: str, *, is_gone: bool
    ) -> bool:
        """See `EndpointStore.failed`."""
        values = {
            **_key(context, endpoint.endpoint_id),
            "error": error[:_ERROR_LENGTH],
            "failing_s": self._settings.webhook_failing_s,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_FAILED, values)
            row = await cursor.fetchone()
            if row is None:
                return True  # deleted or switched off meanwhile
            is_over = row["failures"] >= self._settings.webhook_failures and row["is_lasting"]
            if not (is_gone or is_over):
                return False
            count = f"{row['failures']} deliveries in a row failed; the last: {values['error']}"
            reason = "The receiver asked for no more events (410 Gone)." if is_gone else count
            await cursor.execute(_DISABLE, {**values, "reason": reason})
            disabled = await cursor.fetchone()
            assert disabled is not None
            told = {
                **values,
                "event_id": f"webhook-disabled:{endpoint.endpoint_id}:{disabled['at']}",
                "payload": Jsonb(
                    {"endpoint_id": str(endpoint.endpoint_id), "url": endpoint.url, "reason": reason}
                ),
            }
            await cursor.execute(_TELL, told)
            return True


def _key(context: OrganizationContext, endpoint_id: UUID) -> dict[str, Any]:
    return {"organization_id": context.organization_id, "endpoint_id": endpoint_id}


def _endpoint(row: dict[str, Any]) -> Endpoint:
    return Endpoint(**{**row, "topics": tuple(row["topics"])})


def _no_endpoint() -> NotFound:
    return NotFound("There is no such webhook endpoint.")
