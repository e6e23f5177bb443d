"""Pages a person reads: safe HTML, one style, no script."""

from footnote.platform.pages.document import page
from footnote.platform.pages.elements import (
    bars,
    definitions,
    link,
    marked,
    paragraph,
    section,
    table,
)
from footnote.platform.pages.markup import Content, Markup, join, tag
from footnote.platform.pages.responses import PageFormat, page_response, wants_page

__all__ = [
    "Content",
    "Markup",
    "PageFormat",
    "bars",
    "definitions",
    "join",
    "link",
    "marked",
    "page",
    "page_response",
    "paragraph",
    "section",
    "table",
    "tag",
    "wants_page",
]
