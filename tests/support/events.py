"""Events as tests make them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from footnote.platform.context import OrganizationContext
from footnote.quota import Event


def usage(context: OrganizationContext, number: int, units: int = 1, **changes: Any) -> Event:
    """Usage of one message and a few tokens."""
    lines = [
        {"meter": "messages", "model": "", "units": units, "cost_micro_usd": 0},
        {"meter": "input_tokens", "model": "m", "units": 10 * units, "cost_micro_usd": 7 * units},
    ]
    payload = {"hold_id": str(number), "feature": "chat", "at": "2026-11-25T23:59:59+00:00", "lines": lines}
    return Event(
        context.organization_id, f"usage:{number}:1", "usage.recorded", payload | changes, datetime.now(UTC)
    )


def warning(context: OrganizationContext, threshold: int = 80, **changes: Any) -> Event:
    """A warning about messages."""
    payload = {
        "meter": "messages",
        "threshold": threshold,
        "used": threshold,
        "limit": 100,
        "user_id": None,
        "window_start": "2026-11-01T00:00:00+00:00",
        "reset_at": "2026-12-01T00:00:00+00:00",
    }
    event_id = f"warning:{context.organization_id}:messages:1793491200:100:{threshold}"
    return Event(context.organization_id, event_id, "quota.warning", payload | changes, datetime.now(UTC))


def put(connection: psycopg.Connection[Any], *events: Event) -> None:
    """Puts events into the outbox."""
    for event in events:
        connection.execute(
            "INSERT INTO quota.outbox (organization_id, event_id, topic, payload) VALUES (%s, %s, %s, %s)",
            (event.organization_id, event.event_id, event.topic, Jsonb(event.payload)),
        )
