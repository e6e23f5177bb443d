"""Calls of Stripe's API: time limits, retries and errors."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

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


def plain(thing: Any) -> Any:
    """An object of the library as JSON has it."""
    return json.loads(str(thing))


def keyed(key: str, params: Mapping[str, Any]) -> Any:
    """Options of a call that creates; another content is another call."""
    return {"idempotency_key": digest_of(key, params)}


def digest_of(key: str, params: Mapping[str, Any]) -> str:
    """SHA-256 of a key together with a content, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    return hashlib.sha256(f"{key}:{digest}".encode()).hexdigest()


def once() -> Any:
    """Options of a call that sets: the library's own repetitions of it count once."""
    return {"idempotency_key": str(uuid4())}


def is_missing(error: Exception) -> bool:
    """Whether Stripe knows no thing with the id that was asked for."""
    return getattr(error, "code", None) == "resource_missing" or getattr(error, "http_status", None) == 404
