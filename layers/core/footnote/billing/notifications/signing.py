"""Signatures of webhooks: Standard Webhooks, version 1 (https://www.standardwebhooks.com).

An endpoint's secret is derived from one of the platform and stands nowhere: what is not stored is not stolen
from a database or a backup. While the platform's secret is changed, its text has the new one and the old one,
with white space between: endpoints are shown the new one's, and requests have a signature by each.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from footnote.quota import Event

_PREFIX = "whsec_"


def endpoint_secrets(platform_secrets: str, organization_id: UUID, endpoint_id: UUID) -> list[str]:
    """The secrets of one endpoint, as its owner is shown the first, which is the newest."""
    message = f"webhook-v1:{organization_id}:{endpoint_id}".encode()
    keys = (hmac.digest(secret.encode(), message, "sha256") for secret in platform_secrets.split())
    return [_PREFIX + base64.b64encode(key).decode() for key in keys]


def webhook_headers(secrets: Sequence[str], event_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one request, its signatures among them."""
    timestamp = str(int(sent_at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    keys = (base64.b64decode(secret.removeprefix(_PREFIX)) for secret in secrets)
    signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Footnote-Webhooks/1",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
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
