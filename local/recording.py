"""`events/<function>.json`: one event of each function as AWS sends it: `python -m local.recording`.

Made by the code that the local gateway and schedules make events by, with fixed ids and times. For
`sam local invoke`, for `footnote invoke`, and for tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from footnote.platform.manifest import FunctionManifest, Route, load_manifests
from local.aws.events import scheduled_event
from local.gateway.events import GatewayRequest, authorizer_event, proxy_event
from local.gateway.routes import RouteTable
from local.paths import REPOSITORY

ORGANIZATION = "01990c41-0000-7000-8000-00000000000a"
USER = "01990c41-0000-7000-8000-00000000000b"
_ID = "01990c41-0000-7000-8000-000000000001"
_MOMENT = 1_760_607_000.0
_HEADERS = [
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("host", "api.example.com"),
    ("x-amzn-trace-id", "Root=1-68f0a1b2-7c3d4e5f60718293a4b5c6d7"),
    ("x-request-id", "sample-request"),
]
# What a request of a route with a body asks for; others are read.
_BODIES: Mapping[str, dict[str, Any]] = {
    "/auth/register": {"email": "sample@example.com", "password": "a long enough password"},
    "/chat": {"message": "How many days of leave are there?"},
    "/search": {"query": "days of leave"},
}


def sample_event(manifest: FunctionManifest, manifests: list[FunctionManifest]) -> dict[str, Any]:
    """The event of one function."""
    if manifest.kind == "authorizer":
        request = _request(Route(method="GET", path="/documents"))
        return _steady(authorizer_event(request, RouteTable(manifests).find(request.method, request.path)))
    if manifest.kind in {"api", "stream"}:
        request = _request(_route(manifest))
        match = RouteTable(manifests).find(request.method, request.path)
        return _steady(proxy_event(request, match, _identity() if match.target.authorized else None))
    if manifest.kind == "queue":
        return _queue_event(manifest)
    if manifest.kind == "schedule":
        return {**scheduled_event(manifest.name, _MOMENT), "id": "cdc73f9d-aea9-11e3-9d5a-835b769c0d9c"}
    if manifest.kind == "rotation":
        arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:staging/footnote/redis-AbCdEf"
        return {"Step": "createSecret", "SecretId": arn, "ClientRequestToken": _ID, "RotationToken": _ID}
    return {}


def _route(manifest: FunctionManifest) -> Route:
    """The function's best known route: one with a sample body, else the first that is read."""
    known = [route for route in manifest.routes if route.method == "POST" and route.path in _BODIES]
    read = [route for route in manifest.routes if route.method == "GET"]
    return (known or read or list(manifest.routes))[0]


def _request(route: Route) -> GatewayRequest:
    path = "/".join(_ID if part.startswith("{") else part for part in route.path.split("/"))
    body = json.dumps(_BODIES[route.path]).encode() if route.method == "POST" else b""
    return GatewayRequest(
        method=route.method,
        path=path,
        query="",
        headers=list(_HEADERS),
        body=body,
        source_ip="203.0.113.17",
        request_id="c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        received=_MOMENT,
    )


def _identity() -> dict[str, Any]:
    from footnote.identity.permissions import permissions_of

    return {
        "organization_id": ORGANIZATION,
        "user_id": USER,
        "session_id": _ID,
        "role": "owner",
        "plan": "free",
        "permissions": ",".join(sorted(permissions_of("owner"))),
    }


def _steady(event: dict[str, Any]) -> dict[str, Any]:
    """Without ids that are drawn anew for every event."""
    context = dict(event["requestContext"])
    if "extendedRequestId" in context:
        context["extendedRequestId"] = "JKJaXmPLvHcESHA="
    return {**event, "requestContext": context}


def _queue_event(manifest: FunctionManifest) -> dict[str, Any]:
    assert manifest.queue is not None
    if manifest.queue.s3_events:
        sample: dict[str, Any] = json.loads((REPOSITORY / "events" / "sqs_s3_events.json").read_text())
        return sample
    from footnote.quota.events import USAGE_RECORDED, Event

    moment = datetime(2025, 10, 16, 9, 30, tzinfo=UTC)
    payload = {
        "hold_id": _ID,
        "attempt": 1,
        "user_id": USER,
        "feature": "chat",
        "at": moment.isoformat(),
        "lines": [{"meter": "messages", "model": "", "units": 1, "cost_micro_usd": 0}],
    }
    told = Event(UUID(ORGANIZATION), f"usage:{_ID}:1", USAGE_RECORDED, payload, moment)
    record = {
        "messageId": "059f36b4-87a3-44ab-83d2-661975975131",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": told.to_message(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1760607000000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{manifest.queue.name}",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}


def record(directory: Path) -> list[Path]:
    """Writes the events of all functions; the files."""
    manifests = load_manifests(REPOSITORY / "functions")
    written = []
    for manifest in manifests:
        if manifest.kind == "container":
            continue
        file = directory / f"{manifest.name}.json"
        file.write_text(json.dumps(sample_event(manifest, manifests), indent=2) + "\n")
        written.append(file)
    return written


if __name__ == "__main__":
    for file in record(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "events"):
        print(file.relative_to(REPOSITORY))
