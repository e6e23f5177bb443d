"""Rate limits as dependencies of routes: `APIRouter(dependencies=[limited("chat")])`.

Every route of a function has one of them; `tests/unit/functions/test_rate_guards.py` walks all routes. They
run before the request's fields are checked, so that a wrong request counts like any other.
"""

from __future__ import annotations

import ipaddress
import math
from typing import Any

from fastapi import Depends, Request

from footnote.composition import container
from footnote.platform.http import Identity, add_headers, client_address
from footnote.quota.errors import RateLimited
from footnote.quota.rates import RateClass, Standing

_UNKNOWN = "unknown"


class MemberGuard:
    """Counts the calls of the signed-in member or key.

    Args:
        rate_class: With which routes they are counted.
    """

    def __init__(self, rate_class: RateClass) -> None:
        self.rate_class = rate_class

    async def __call__(self, request: Request, context: Identity) -> None:
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


def limited(rate_class: RateClass = "default") -> Any:
    """The guard of routes for members and keys."""
    return Depends(MemberGuard(rate_class))


def limited_by_address(rate_class: str = "address", per_minute: int | None = None) -> Any:
    """The guard of routes that need no sign-in."""
    return Depends(AddressGuard(rate_class, per_minute))


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
