"""Where webhooks may go: to public addresses, and never to one of our own networks.

A name is looked up once; every address it has must be public, and the request goes to one of the addresses
that were looked at, so that a second answer of the name's server changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from footnote.billing.notifications import WebhookRefused

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Of ways into IPv4 that nobody need use: where they lead depends on who carries the packet.
_TUNNELS = tuple(map(ipaddress.ip_network, ("64:ff9b:1::/48", "2002::/16", "2001::/32")))
_LOOKUP_S = 3.0
_URL_LENGTH = 2_000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """A checked address.

    Attributes:
        url: With the address in place of the name.
        host: The `Host` header.
        name: What the certificate must be for.
    """

    url: str
    host: str
    name: str


async def resolve(url: str, *, allow_loopback: bool) -> Target:
    """Looks the host of an address up and checks what it finds.

    Args:
        url: As the customer wrote it.
        allow_loopback: Whether addresses of this machine are right, and plain HTTP to them.

    Raises:
        WebhookRefused: No webhook may be sent there; the message says why.
    """
    parts = _parse(url, allow_loopback=allow_loopback)
    name = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    addresses = await _addresses(name, port)
    for address in addresses:
        is_right = is_public(address) or (allow_loopback and address.is_loopback)
        if not is_right:
            raise WebhookRefused("The host of the webhook's address is not on the public internet.")
    if parts.scheme == "http" and not all(address.is_loopback for address in addresses):
        raise WebhookRefused("A webhook's address begins with https://.")
    chosen = addresses[0]
    literal = f"[{chosen}]" if chosen.version == 6 else str(chosen)
    pinned = parts._replace(netloc=f"{literal}:{port}", fragment="")
    return Target(url=pinned.geturl(), host=parts.netloc, name=name)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, also what is wrapped in it."""
    if any(address in tunnel for tunnel in _TUNNELS):
        return False
    inner = _wrapped(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address.ipv4_mapped


def _parse(url: str, *, allow_loopback: bool) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError as error:
        raise WebhookRefused("The webhook's address is not a URL.") from error
    if len(url) > _URL_LENGTH or not url.isascii() or any(character <= " " for character in url):
        raise WebhookRefused("The webhook's address is not a URL, or it is too long.")
    if parts.scheme != "https" and not (allow_loopback and parts.scheme == "http"):
        raise WebhookRefused("A webhook's address begins with https://.")
    if parts.username is not None or parts.password is not None or "\\" in url:
        raise WebhookRefused("A webhook's address has no user name and no password in it.")
    if not parts.hostname:
        raise WebhookRefused("The webhook's address names no host.")
    return parts


async def _addresses(name: str, port: int) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_S):
            found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise WebhookRefused("The host of the webhook's address cannot be found.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).split("%", 1)[0]) for entry in found]
    if not addresses:
        raise WebhookRefused("The host of the webhook's address cannot be found.")
    return addresses
