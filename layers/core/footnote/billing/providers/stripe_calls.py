"""Calls of Stripe's API: time limits, retries and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.settings import BillingSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Protocol

    from stripe import StripeClient

    class SecretTexts(Protocol):
        """Reads secrets."""

        def get(self, secret_id: str) -> Awaitable[str]: ...


API_VERSION = "2026-10-28.endive"
"""The version whose shapes this adapter reads; changed together with it."""

_Answer = TypeVar("_Answer")


class StripeCalls:
    """Calls the API in threads of their own, since the library waits.

    Args:
        settings: Where the key is, and limits.
        secrets: Reads the key.
    """

    def __init__(self, settings: BillingSettings, secrets: SecretTexts) -> None:
        self._settings = settings
        self._secrets = secrets

    async def webhook_secret(self) -> str:
        """What webhooks are signed with."""
        return await self._secrets.get(self._settings.stripe_webhook_secret)

    async def run(self, call: Callable[[StripeClient], _Answer]) -> _Answer:
        """Makes calls with a client.

        Raises:
            ServiceUnavailable: Stripe cannot be reached, or does not let us in.
            Conflict: Stripe refuses what was asked for.
        """
        key = (await self._secrets.get(self._settings.stripe_secret)).strip()
        return await asyncio.to_thread(self._run, key, call)

    def _run(self, key: str, call: Callable[[StripeClient], _Answer]) -> _Answer:
        import stripe

        client = stripe.StripeClient(
            key,
            stripe_version=API_VERSION,
            max_network_retries=self._settings.stripe_retries,
            http_client=stripe.RequestsClient(timeout=self._settings.stripe_timeout_s),
            base_addresses={"api": self._settings.stripe_base_url or stripe.DEFAULT_API_BASE},
        )
        refusals = (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError)
        try:
            return call(client)
        except refusals as error:
            raise Conflict(f"The payment provider refuses: {error.user_message or error}") from error
        except stripe.StripeError as error:
            raise ServiceUnavailable("The payment provider cannot be reached. Try again later.") from error
