"""Where services are and how long they may take: database, cache, objects, secrets, events."""

from __future__ import annotations

from typing import Literal

from footnote.platform.settings.section import Section


class PostgresSettings(Section):
    """The system of record. Time limits are those of reliability.md (j).

    `sign_in` by `iam` sends a token signed with the function's role, as RDS Proxy wants it.
    """

    host: str = "127.0.0.1"
    port: int = 5432
    database: str = "footnote"
    user: str = "footnote_app"
    sign_in: Literal["password", "iam"] = "password"
    password_secret: str = ""
    sslmode: str = "prefer"
    connect_timeout_s: float = 2.0
    statement_timeout_ms: int = 1_000
    lock_timeout_ms: int = 500
    ingestion_statement_timeout_ms: int = 60_000
    ingestion_lock_timeout_ms: int = 15_000


class RedisSettings(Section):
    """Cache and revocation list; losing it never loses data."""

    host: str = "127.0.0.1"
    port: int = 6379
    password_secret: str = ""
    tls: bool = False
    connect_timeout_s: float = 0.05
    timeout_s: float = 0.1


class StorageSettings(Section):
    """Document objects in S3."""

    bucket: str = "footnote-documents"
    region: str = "us-east-1"
    endpoint_url: str | None = None
    upload_expires_s: int = 900


class SecretsSettings(Section):
    """The Parameters and Secrets Lambda extension, which every function reads its secrets through."""

    extension_port: int = 2773
    timeout_s: float = 2.0
    cache_s: int = 300


class EventSettings(Section):
    """The queue of events, and what is sent to people and to other systems.

    Events that were taken from the outbox are kept from other relays for `lease_s`. The queue gives an event
    up after `max_deliveries`, as `functions/notifier/function.toml` has it. Mail is sent from `mail_from`;
    without it none is. A webhook endpoint has `webhook_limit_s` to answer, and is switched off after
    `webhook_failures` in a row if the first is `webhook_failing_s` ago. `webhook_loopback` allows endpoints
    on this machine, and plain HTTP to them.
    """

    queue: str = "events"
    region: str = "us-east-1"
    endpoint_url: str | None = None
    timeout_s: float = 5.0
    lease_s: int = 60
    max_deliveries: int = 8
    mail_from: str = ""
    webhook_secret: str = "footnote/webhooks"  # noqa: S105 - an id
    webhook_limit_s: float = 5.0
    webhook_loopback: bool = False
    webhook_failures: int = 20
    webhook_failing_s: int = 3600
    webhook_endpoints: int = 10
