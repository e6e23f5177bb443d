"""Which elements of an HTML page carry its text, how they stand, and what is not meant to be read."""

from __future__ import annotations

import re
from collections.abc import Mapping


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
# Never text for a reader.
SKIPPED = _words(
    "script style template noscript svg canvas audio video iframe object embed applet map head "
    "meta link select textarea datalist progress meter frameset noframes dialog",
)
# The frame of a site around its content.
FRAME = frozenset({"nav", "footer", "aside"})
FRAME_ROLES = frozenset({"navigation", "contentinfo", "search", "banner", "menu", "menubar", "complementary"})
BLOCKS = _words(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure "
    "footer form header hgroup hr legend main menu nav ol p section summary table tbody td tfoot "
    "th thead tr ul caption html option optgroup label",
)
# Parts of well-known systems that are tools rather than text, by class.
TOOL_CLASSES = _words(
    "mw-editsection mw-jump-link navbox navbox-styles noprint vector-toc toc catlinks printfooter "
    "sistersitebox mw-cite-backlink mw-indicators vector-page-toolbar vector-header-container "
    "mw-authority-control breadcrumb breadcrumbs cookie-banner cookie-consent cookie-notice "
    "share-buttons social-share skip-link headerlink metadata ambox",
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all|font-size\s*:\s*0(?:\.0+)?"
    r"(?:px|pt|em|rem|%)?\s*(?:;|!|$)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|$)"
    r"|(?:left|top|text-indent|right)\s*:\s*-\d{3,}(?:px|em|rem|pt|%)",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)", re.IGNORECASE)
_BACKGROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)


def is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Whether a browser would not show the element: by attribute, style, size, position or colour."""
    if not attributes:
        return False
    if "hidden" in attributes and attributes["hidden"] != "until-found":
        return True
    style = attributes.get("style")
    if not style:
        return False
    return bool(_HIDDEN_STYLE.search(style)) or _invisible_colour(style)


def is_tool(attributes: Mapping[str, str | None]) -> bool:
    """Whether the element is a known tool of the page and not its text."""
    classes = attributes.get("class")
    return bool(classes) and not TOOL_CLASSES.isdisjoint((classes or "").split())


def is_frame(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Whether the element is part of the site's frame: menus, footers, side bars."""
    return tag in FRAME or (attributes.get("role") or "") in FRAME_ROLES


def _invisible_colour(style: str) -> bool:
    """Text in the colour of its own background, or white on an unstated (white) one."""
    colour = _COLOUR.search(style)
    if not colour:
        return False
    ink = re.sub(r"\s+", "", colour[1]).lower()
    background = _BACKGROUND.search(style)
    if background:
        return ink == re.sub(r"\s+", "", background[1]).lower()
    return ink in ("transparent", "rgba(0,0,0,0)")
