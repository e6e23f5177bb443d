"""HTTP of webhook endpoints: where an organization wants its events told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, Field

from footnote.billing.notifications import Endpoint, NewEndpoint
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import Permission, require
from footnote.platform.http import Identity, RequestModel

router = APIRouter(prefix="/billing/webhooks", tags=["Webhooks"], route_class=limited())

_PERMISSION: Permission = "organization:manage"
Topic = Annotated[str, Field(min_length=1, max_length=64)]


class EndpointRequest(RequestModel):
    """An endpoint to add."""

    url: str = Field(min_length=1, max_length=2_000, description="Begins with https://.")
    topics: list[Topic] = Field(
        default=["quota.*", "budget.*", "webhook.*"],
        min_length=1,
        max_length=20,
        description="Names of topics, or beginnings of names with * behind them.",
    )
    description: str = Field(default="", max_length=200)


class EndpointBody(BaseModel):
    """An endpoint; `disabled_reason` says why nothing is sent there any more."""

    id: UUID
    url: str
    topics: list[str]
    description: str
    enabled: bool
    failures: int
    last_error: str | None
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> EndpointBody:
        """The endpoint as the API shows it."""
        return cls(
            id=endpoint.endpoint_id,
            url=endpoint.url,
            topics=list(endpoint.topics),
            description=endpoint.description,
            enabled=endpoint.disabled_at is None,
            failures=endpoint.failures,
            last_error=endpoint.last_error,
            disabled_at=endpoint.disabled_at,
            disabled_reason=endpoint.disabled_reason,
            created_at=endpoint.created_at,
        )


class EndpointList(BaseModel):
    """All endpoints of the organization, oldest first."""

    endpoints: list[EndpointBody]


class SecretBody(BaseModel):
    """What signs the requests to one endpoint (Standard Webhooks)."""

    secret: str


class AddedEndpoint(BaseModel):
    """A new endpoint and its secret."""

    endpoint: EndpointBody
    secret: str


class TestResult(BaseModel):
    """What came of a test: the receiver's status, and why it does not count as told."""

    delivered: bool
    status: int | None
    error: str | None


@router.get("")
async def list_webhook_endpoints(context: Identity) -> EndpointList:
    """The organization's endpoints."""
    require(context, _PERMISSION)
    found = await container().webhook_endpoints.list(context)
    return EndpointList(endpoints=[EndpointBody.of(endpoint) for endpoint in found])


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_webhook_endpoint(body: EndpointRequest, context: Identity) -> AddedEndpoint:
    """Adds an endpoint; the answer holds the secret that its requests are signed with."""
    require(context, _PERMISSION)
    wanted = NewEndpoint(body.url, tuple(dict.fromkeys(body.topics)), body.description)
    endpoint, secret = await container().webhook_endpoints.add(context, wanted)
    return AddedEndpoint(endpoint=EndpointBody.of(endpoint), secret=secret)


@router.delete("/{endpoint_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_webhook_endpoint(endpoint_id: UUID, context: Identity) -> None:
    """Deletes an endpoint; nothing is sent there any more."""
    require(context, _PERMISSION)
    await container().webhook_endpoints.delete(context, endpoint_id)


@router.get("/{endpoint_id}/secret")
async def get_webhook_secret(endpoint_id: UUID, context: Identity, response: Response) -> SecretBody:
    """The secret that the endpoint's requests are signed with."""
    require(context, _PERMISSION)
    response.headers["Cache-Control"] = "no-store"
    return SecretBody(secret=await container().webhook_endpoints.secret(context, endpoint_id))


@router.post("/{endpoint_id}/test")
async def test_webhook_endpoint(endpoint_id: UUID, context: Identity) -> TestResult:
    """Sends a test at once; if it arrives, an endpoint that was switched off is on again."""
    require(context, _PERMISSION)
    answer = await container().webhook_endpoints.test(context, endpoint_id)
    return TestResult(delivered=answer.error is None, status=answer.status, error=answer.error)
