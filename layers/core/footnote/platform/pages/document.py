"""The whole page: everything in one file, nothing asked for from anywhere, no script."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path

from footnote.platform.pages.markup import Content, Markup, tag

_STYLE_FILE = Path(__file__).with_name("style.css")


@lru_cache(maxsize=1)
def style() -> str:
    """The one style of all pages."""
    return _STYLE_FILE.read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def policy() -> str:
    """What the page may do: show itself in our style. It holds for a saved copy as well."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def header_policy() -> str:
    """As `policy`; besides, no other page may frame it, which only a header can say."""
    return f"{policy()}; frame-ancestors 'none'"


def page(title: str, *contents: Content, language: str = "en") -> str:
    """A page.

    Args:
        title: For the browser's tab; the contents have their own heading.
        contents: What stands in `main`.
        language: Of the page's own words.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(style())),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *contents)), lang=language)}\n"
