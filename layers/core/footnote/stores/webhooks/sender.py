"""Requests to customers' endpoints: bounded in time and size, to checked addresses, without redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping

import httpx

from footnote.billing.notifications import Response, WebhookRefused
from footnote.platform.settings import EventSettings
from footnote.stores.webhooks.addresses import resolve

# An answer says nothing that we read; so much of it is taken so that the connection ends in order.
_ANSWER_BYTES = 16 * 1024


class HttpWebhookSender:
    """`footnote.billing.notifications.WebhookSender` over HTTP.

    A connection serves one request: nothing of one customer's endpoint is kept for the next.

    Args:
        settings: Time limit of a whole request, and whether this machine's own addresses are right.
        trust: What certificates are trusted; by default the usual ones.
    """

    def __init__(self, settings: EventSettings, trust: ssl.SSLContext | None = None) -> None:
        self._limit_s = settings.webhook_limit_s
        self._allow_loopback = settings.webhook_loopback
        self._context = trust or httpx.create_ssl_context(trust_env=False)

    async def check(self, url: str) -> None:
        """See `WebhookSender.check`."""
        await resolve(url, allow_loopback=self._allow_loopback)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        """See `WebhookSender.send`."""
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._send(url, headers, body)
        except WebhookRefused as error:
            return Response(None, error.message)
        except (TimeoutError, httpx.TimeoutException):
            return Response(None, f"There was no answer within {self._limit_s:g} seconds.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Response(None, f"The request failed: {type(error).__name__}.")

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        target = await resolve(url, allow_loopback=self._allow_loopback)
        async with httpx.AsyncClient(
            verify=self._context, trust_env=False, follow_redirects=False, timeout=self._limit_s
        ) as client:
            request = client.build_request(
                "POST",
                target.url,
                content=body,
                headers={**headers, "Host": target.host, "Connection": "close"},
                extensions={"sni_hostname": target.name},
            )
            response = await client.send(request, stream=True)
            try:
                await _drain(response)
            finally:
                await response.aclose()
        if response.is_success:
            return Response(response.status_code)
        if response.is_redirect:
            return Response(
                response.status_code,
                f"The receiver answered {response.status_code}; redirects are not followed.",
            )
        return Response(response.status_code, f"The receiver answered {response.status_code}.")


async def _drain(response: httpx.Response) -> None:
    taken = 0
    async for piece in response.aiter_raw():
        taken += len(piece)
        if taken > _ANSWER_BYTES:
            return
