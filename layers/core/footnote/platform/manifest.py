"""`function.toml`: what a deployed function is. Read by `infra/` and by `local/`, listed nowhere else."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["api", "stream", "authorizer", "queue", "schedule", "container", "deployment", "rotation"]

DEPLOYED_ONLY: tuple[Kind, ...] = ("deployment", "rotation")
"""Kinds that only AWS invokes: CloudFormation when a stack changes, Secrets Manager when a secret is due."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Route(_Part):
    """One API Gateway method. `path` is API Gateway's syntax: `/documents/{id}`."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str = Field(pattern=r"^/[A-Za-z0-9._/{}-]*$")
    authorized: bool = True


class Queue(_Part):
    """An SQS event source with a dead-letter queue of its own.

    `s3_events` subscribes the queue to the document bucket's object events.
    """

    name: str
    batch_size: int = Field(default=10, ge=1, le=10)
    max_receive_count: int = Field(default=3, ge=1)
    max_concurrency: int = Field(default=2, ge=1)
    s3_events: bool = False


class Schedule(_Part):
    """An EventBridge schedule."""

    rate_minutes: int = Field(ge=1)


class Budget(_Part):
    """What the function may weigh with its layers, unpacked, and how long its imports may take on one core.

    Held against `python -m tests.performance.cold_start`.
    """

    size_mb: int = Field(default=110, ge=1, le=250)
    import_ms: int = Field(default=700, ge=1)


class Grants(_Part):
    """What the function's role may do; everything else is denied.

    Attributes:
        postgres: The database role it signs in as, or none.
        redis: Whether it reaches Redis.
        bucket: Allowed object operations.
        secrets: Secret ids it may read.
        rotates: Secret ids whose values it may replace.
        endpoints: Model endpoints it may invoke.
        queues: Queues it may send to.
        mail: Whether it may send mail.
    """

    postgres: Literal["footnote_app", "footnote_auth", "footnote_jobs", "footnote_indexer"] | None = None
    redis: bool = False
    bucket: tuple[Literal["read", "write", "delete"], ...] = ()
    secrets: tuple[str, ...] = ()
    rotates: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    mail: bool = False


class FunctionManifest(_Part):
    """One `function.toml`.

    Attributes:
        handler: Import path of the handler (`functions.<name>.handler.handler`), or for `stream` and
            `container` the start command inside the function's folder (`run.sh`).
        layers: Names of folders under `layers/`, in order.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    kind: Kind
    description: str
    handler: str
    memory_mb: int = Field(default=512, ge=128, le=10_240)
    timeout_s: int = Field(default=29, ge=1, le=900)
    layers: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    queue: Queue | None = None
    schedule: Schedule | None = None
    authorizer_result_ttl_s: int | None = Field(default=None, ge=0, le=3600)
    environment: dict[str, str] = Field(default_factory=dict)
    grants: Grants = Grants()
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _matches_kind(self) -> FunctionManifest:
        needs = {"api": self.routes, "stream": self.routes, "queue": self.queue, "schedule": self.schedule}
        if self.kind in needs and not needs[self.kind]:
            raise ValueError(f"a function of kind {self.kind} needs its [{self.kind}] part")
        return self


def load_manifest(path: Path) -> FunctionManifest:
    """Reads one `function.toml`.

    Raises:
        ValueError: The file is not valid; the message names the file and the key.
    """
    try:
        return FunctionManifest.model_validate(tomllib.loads(path.read_text()))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def load_manifests(functions: Path) -> list[FunctionManifest]:
    """All functions under `functions/`, by name."""
    return [load_manifest(path) for path in sorted(functions.glob("*/function.toml"))]
