"""Rate limits of routes: `APIRouter(route_class=limited("chat"))`.

Every route of a function has one of them; `tests/unit/functions/test_rate_guards.py` walks all routes. They
run before the request's body is read, so that a wrong request counts like any other, whatever is wrong with
it, and one that is refused costs no more than its count. A dependency would run after FastAPI has read JSON.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Protocol

from fastapi import Request, Response
from fastapi.routing import APIRoute

from footnote.composition import container
from footnote.platform.http import add_headers, client_address, organization_context
from footnote.quota.errors import RateLimited
from footnote.quota.rates import RateClass, Standing

_UNKNOWN = "unknown"


class Guard(Protocol):
    """Counts a call, or raises."""

    async def __call__(self, request: Request) -> None: ...


class GuardedRoute(APIRoute):
    """A route with a guard before it."""

    guard: ClassVar[Guard]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handler, guard = super().get_route_handler(), self.guard

        async def guarded(request: Request) -> Response:
            await guard(request)
            return await handler(request)

        return guarded


class MemberGuard:
    """Counts the calls of the signed-in member or key.

    Args:
        rate_class: With which routes they are counted.
    """

    def __init__(self, rate_class: RateClass) -> None:
        self.rate_class = rate_class

    async def __call__(self, request: Request) -> None:
        context = organization_context(request)
        try:
            standing = await container().rates.allow(context, self.rate_class)
        except RateLimited as error:
            _tell(request, error.standing)
            raise
        _tell(request, standing)


class AddressGuard:
    """Counts the calls of one address, for routes that are used before one has signed in.

    Args:
        rate_class: With which routes they are counted.
        per_minute: The limit; the settings' by default.
    """

    def __init__(self, rate_class: str = "address", per_minute: int | None = None) -> None:
        self.rate_class = rate_class
        self.per_minute = per_minute

    async def __call__(self, request: Request) -> None:
        try:
            address = address_name(client_address(request))
            standing = await container().rates.allow_address(address, self.rate_class, self.per_minute)
        except RateLimited as error:
            _tell(request, error.standing)
            raise
        _tell(request, standing)


def limited(rate_class: RateClass = "default") -> type[GuardedRoute]:
    """The class of routes for members and keys."""
    return _guarded_by(MemberGuard(rate_class))


def limited_by_address(rate_class: str = "address", per_minute: int | None = None) -> type[GuardedRoute]:
    """The class of routes that need no sign-in."""
    return _guarded_by(AddressGuard(rate_class, per_minute))


def address_name(address: str) -> str:
    """An address as a counter's name.

    An IPv6 address stands for its /64: that many any customer of a provider has to himself.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return _UNKNOWN
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        network = ipaddress.ip_network((int(parsed), 64), strict=False)
        return network.network_address.exploded[:19].replace(":", "-")
    return str(parsed)


def _guarded_by(counts: Guard) -> type[GuardedRoute]:
    class Route(GuardedRoute):
        guard = counts

    return Route


def _tell(request: Request, standing: Standing | None) -> None:
    """The `RateLimit` headers of the counter that is nearest to its limit."""
    if standing is None:
        return
    add_headers(
        request,
        {
            "RateLimit-Limit": str(standing.limit),
            "RateLimit-Remaining": str(standing.remaining),
            "RateLimit-Reset": str(math.ceil(standing.reset_s)),
            "RateLimit-Policy": f"{standing.limit};w={standing.window_s}",
        },
    )
