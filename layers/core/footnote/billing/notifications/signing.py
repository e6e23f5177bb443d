"""Signatures of webhooks: Standard Webhooks, version 1 (https://www.standardwebhooks.com).

An endpoint's secret is derived from one of the platform and stands nowhere: what is not stored is not stolen
from a database or a backup.
"""

from __future__ import annotations

import base64
import hmac
import json
from datetime import datetime
from uuid import UUID

from footnote.quota import Event

_PREFIX = "whsec_"


def endpoint_secret(platform_secret: str, organization_id: UUID, endpoint_id: UUID) -> str:
    """The secret of one endpoint, as its owner is shown it."""
    message = f"webhook-v1:{organization_id}:{endpoint_id}".encode()
    return _PREFIX + base64.b64encode(hmac.digest(platform_secret.encode(), message, "sha256")).decode()


def webhook_headers(secret: str, event_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one request, its signature among them."""
    timestamp = str(int(sent_at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "Footnote-Webhooks/1",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def webhook_body(event: Event) -> bytes:
    """The same bytes at every delivery."""
    document = {
        "type": event.topic,
        "timestamp": event.created_at.isoformat(),
        "organization_id": str(event.organization_id),
        "data": event.payload,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
