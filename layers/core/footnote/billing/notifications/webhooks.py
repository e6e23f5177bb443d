"""Events told to organizations' own systems, and the endpoints where they want them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from uuid import UUID

from footnote.billing.notifications.models import Endpoint, NewEndpoint, Response, wants_topic
from footnote.billing.notifications.ports import Claims, EndpointStore, SecretReader, WebhookSender
from footnote.billing.notifications.signing import endpoint_secrets, webhook_body, webhook_headers
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.platform.logging import get_logger
from footnote.platform.settings import EventSettings
from footnote.quota import Delivery, Event

logger = get_logger("webhooks")

_TOPIC = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")
_BODY_BYTES = 256 * 1024
# So much longer than the request's own limit is a claim kept.
_LEASE_EXTRA_S = 10


class SignedRequests:
    """Requests with their signatures.

    Args:
        sender: Sends them.
        secrets: Holds the platform's secret.
        clock: Time.
        settings: The secret's id.
    """

    def __init__(
        self, sender: WebhookSender, secrets: SecretReader, clock: Clock, settings: EventSettings
    ) -> None:
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self._settings = settings

    async def secret(self, organization_id: UUID, endpoint_id: UUID) -> str:
        """The endpoint's secret; of two the newer one."""
        return (await self._endpoint_secrets(organization_id, endpoint_id))[0]

    async def check(self, url: str) -> None:
        """See `WebhookSender.check`."""
        await self._sender.check(url)

    async def send(self, endpoint: Endpoint, event: Event) -> Response:
        """One request; never raises but for the secret."""
        body = webhook_body(event)
        if len(body) > _BODY_BYTES:
            return Response(None, f"The event has {len(body)} bytes; at most {_BODY_BYTES} are sent.")
        secrets = await self._endpoint_secrets(event.organization_id, endpoint.endpoint_id)
        headers = webhook_headers(secrets, event.event_id, self._clock.now(), body)
        return await self._sender.send(endpoint.url, headers, body)

    async def _endpoint_secrets(self, organization_id: UUID, endpoint_id: UUID) -> Sequence[str]:
        platform = await self._secrets.get(self._settings.webhook_secret)
        found = endpoint_secrets(platform, organization_id, endpoint_id)
        if not found:
            raise ServiceUnavailable("The platform's secret of webhooks is empty: store one.")
        return found


class WebhookConsumer:
    """Sends each event to the endpoints that want it. The queue repeats it; its last delivery gives it up.

    Each endpoint has a marker of its own. What one endpoint does touches no other.

    Args:
        endpoints: The organizations' endpoints.
        claims: Who is sending.
        requests: Signs and sends.
        settings: Time limit of a request.
    """

    name = "webhook"

    def __init__(
        self, endpoints: EndpointStore, claims: Claims, requests: SignedRequests, settings: EventSettings
    ) -> None:
        self._endpoints = endpoints
        self._claims = claims
        self._requests = requests
        self._lease_s = round(settings.webhook_limit_s) + _LEASE_EXTRA_S

    def wants(self, topic: str) -> bool:  # noqa: ARG002 - which, each endpoint says
        return True

    async def consume(self, delivery: Delivery) -> None:
        event = delivery.event
        wanting = [
            endpoint
            for endpoint in await self._endpoints.list(event.context)
            if endpoint.disabled_at is None and wants_topic(endpoint.topics, event.topic)
        ]
        outcomes = await asyncio.gather(
            *(self._tell(endpoint, delivery) for endpoint in wanting), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _tell(self, endpoint: Endpoint, delivery: Delivery) -> None:
        event, consumer = delivery.event, f"{self.name}:{endpoint.endpoint_id}"
        if not await self._claims.claim(consumer, event, self._lease_s):
            return
        response = await self._requests.send(endpoint, event)
        if response.error is None:
            await self._claims.done(consumer, event)
            if endpoint.failures:
                await self._endpoints.succeeded(event.context, endpoint.endpoint_id)
            return
        await self._claims.failed(consumer, event, response.error)
        is_off = await self._endpoints.failed(
            event.context, endpoint, response.error, is_gone=response.is_gone
        )
        if is_off or delivery.is_last:
            described = {"endpoint_id": str(endpoint.endpoint_id), "event_id": event.event_id}
            logger.warning("a webhook was given up", extra={**described, "error": response.error})
            return
        raise ServiceUnavailable(response.error)


class WebhookEndpoints:
    """What managers do with endpoints.

    Args:
        store: The endpoints.
        requests: Signs and sends tests.
        clock: Time.
        settings: How many an organization may have.
    """

    def __init__(
        self, store: EndpointStore, requests: SignedRequests, clock: Clock, settings: EventSettings
    ) -> None:
        self._store = store
        self._requests = requests
        self._clock = clock
        self._settings = settings

    async def list(self, context: OrganizationContext) -> Sequence[Endpoint]:
        """All of the organization."""
        return await self._store.list(context)

    async def add(self, context: OrganizationContext, endpoint: NewEndpoint) -> tuple[Endpoint, str]:
        """Adds an endpoint; it and its secret.

        Raises:
            InvalidRequest: A topic is none, or the address may not be called.
            Conflict: There are too many.
        """
        for topic in endpoint.topics:
            if not _TOPIC.fullmatch(topic):
                raise InvalidRequest(
                    f"'{topic}' is no topic. Write for instance quota.warning, budget.* or *."
                )
        await self._requests.check(endpoint.url)
        added = await self._store.add(context, endpoint, self._settings.webhook_endpoints)
        return added, await self._requests.secret(context.organization_id, added.endpoint_id)

    async def secret(self, context: OrganizationContext, endpoint_id: UUID) -> str:
        """The secret of an endpoint.

        Raises:
            NotFound: There is none.
        """
        endpoint = await self._store.get(context, endpoint_id)
        return await self._requests.secret(context.organization_id, endpoint.endpoint_id)

    async def delete(self, context: OrganizationContext, endpoint_id: UUID) -> None:
        """Deletes an endpoint.

        Raises:
            NotFound: There is none.
        """
        await self._store.delete(context, endpoint_id)

    async def test(self, context: OrganizationContext, endpoint_id: UUID) -> Response:
        """Sends a test at once; if it arrives, the endpoint is switched on.

        Raises:
            NotFound: There is none.
        """
        endpoint = await self._store.get(context, endpoint_id)
        payload = {"message": "This is a test. It stands for nothing that happened."}
        event = Event(context.organization_id, f"test:{new_id()}", "webhook.test", payload, self._clock.now())
        response = await self._requests.send(endpoint, event)
        if response.error is None:
            await self._store.succeeded(context, endpoint_id)
        return response
