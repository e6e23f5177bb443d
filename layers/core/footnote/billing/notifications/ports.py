"""What notifications need of stores and of the world outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from footnote.billing.notifications.models import Endpoint, Mail, NewEndpoint, Recipient, Response
from footnote.platform.context import OrganizationContext
from footnote.quota import Event


class Claims(Protocol):
    """Who tells an event outside of the database, so that it is told once where nothing fails.

    A process that ends between telling and `done` leaves a claim that runs out; then it is told again, under
    the same id.
    """

    async def claim(self, consumer: str, event: Event, lease_s: int) -> bool:
        """Takes the telling over for a while; false if it was told.

        Raises:
            StillDelivering: Another process has it.
            EventMismatch: The id was told before with another content.
        """
        ...

    async def done(self, consumer: str, event: Event) -> None:
        """Writes down that it was told."""
        ...

    async def failed(self, consumer: str, event: Event, error: str) -> None:
        """Gives it back."""
        ...


class Recipients(Protocol):
    """Members and their addresses. People who may not sign in are nobody."""

    async def managers(self, context: OrganizationContext) -> list[Recipient]:
        """Owners and admins."""
        ...

    async def member(self, context: OrganizationContext, user_id: UUID) -> Recipient | None:
        """One member; `None` if there is none any more."""
        ...


class Mailer(Protocol):
    """Sends mail."""

    async def send(self, mail: Mail) -> None:
        """Hands a mail over.

        Raises:
            ServiceUnavailable: It was refused, or nobody answered.
        """
        ...


class WebhookSender(Protocol):
    """Sends requests to addresses that customers chose, and to no address inside of our networks."""

    async def check(self, url: str) -> None:
        """Returns if webhooks may be sent there.

        Raises:
            WebhookRefused: They may not.
        """
        ...

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """One POST, without redirects; never raises."""
        ...


class SecretReader(Protocol):
    """Gives a secret's text by its id."""

    async def get(self, secret_id: str) -> str:
        """The secret's text.

        Raises:
            ServiceUnavailable: It cannot be read.
        """
        ...


class EndpointStore(Protocol):
    """The organizations' endpoints."""

    async def list(self, context: OrganizationContext) -> Sequence[Endpoint]:
        """All, oldest first."""
        ...

    async def get(self, context: OrganizationContext, endpoint_id: UUID) -> Endpoint:
        """One.

        Raises:
            NotFound: There is none.
        """
        ...

    async def add(self, context: OrganizationContext, endpoint: NewEndpoint, most: int) -> Endpoint:
        """Adds one.

        Raises:
            Conflict: There are `most` already.
        """
        ...

    async def delete(self, context: OrganizationContext, endpoint_id: UUID) -> None:
        """Deletes one.

        Raises:
            NotFound: There is none.
        """
        ...

    async def succeeded(self, context: OrganizationContext, endpoint_id: UUID) -> None:
        """Forgets its failures, and switches it on again."""
        ...

    async def failed(
        self, context: OrganizationContext, endpoint: Endpoint, error: str, *, is_gone: bool
    ) -> bool:
        """Counts a failure; whether the endpoint is switched off now. That is an event itself."""
        ...
