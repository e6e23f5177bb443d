"""How a page, or its data, leaves a function."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from fastapi.responses import HTMLResponse

from footnote.platform.pages.document import header_policy

PageFormat = Literal["json", "html"]

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


def wants_page(request: Request, chosen: PageFormat | None) -> bool:
    """Whether the client is to get a page: it asks for one, or likes HTML better than JSON.

    Args:
        request: Its `Accept` is looked at if nothing was chosen.
        chosen: The parameter `format`.
    """
    if chosen is not None:
        return chosen == "html"
    liked = _qualities(request.headers.get("accept", ""))
    return liked.get("text/html", 0.0) > liked.get("application/json", 0.0)


def page_response(text: str) -> HTMLResponse:
    """The page with the headers that keep it harmless: no script, framing, sniffing or copies in caches."""
    return HTMLResponse(text, headers={**_HEADERS, "Content-Security-Policy": header_policy()})


def _qualities(accept: str) -> dict[str, float]:
    """What an `Accept` header says of each type it names (RFC 9110, section 12.5.1)."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        found[kind.lower()] = max(quality, found.get(kind.lower(), 0.0))
    return found
