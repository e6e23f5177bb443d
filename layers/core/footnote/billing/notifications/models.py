"""The terms of notifications: recipients, mails, webhook endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from footnote.platform.errors import InvalidRequest


class WebhookRefused(InvalidRequest):
    """An address that no webhook may be sent to; the message says why."""

    code = "WEBHOOK_ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A member who is told something.

    Attributes:
        organization: The organization's name.
    """

    user_id: UUID
    email: str
    organization: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one person. Subject and text are plain, `html` is escaped already."""

    to: str
    subject: str
    text: str
    html: str
    event_id: str


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint that a manager adds.

    Attributes:
        topics: Names of topics, or beginnings of names with `*` behind them.
    """

    url: str
    topics: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an organization wants its events told.

    Attributes:
        failures: Deliveries in a row that failed.
        last_error: Of the last that failed; `None` after one that did not.
        disabled_reason: Why nothing is sent there any more.
    """

    endpoint_id: UUID
    url: str
    description: str
    topics: tuple[str, ...]
    failures: int
    last_error: str | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Response:
    """What came of one request to an endpoint.

    Attributes:
        status: HTTP status; `None` without an answer.
        error: Why it does not count as told; `None` if it does.
    """

    status: int | None
    error: str | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver asked for nothing ever again (410)."""
        return self.status == 410


def wants_topic(topics: tuple[str, ...], topic: str) -> bool:
    """Whether a list of topics includes one."""
    return any(
        topic.startswith(pattern[:-1]) if pattern.endswith("*") else topic == pattern for pattern in topics
    )
