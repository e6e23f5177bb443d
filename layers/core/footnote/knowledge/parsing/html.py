"""HTML: the main content as a reader sees it, without scripts, styles, navigation and hidden text."""

from __future__ import annotations

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.encoding import decode, html_declaration
from footnote.knowledge.parsing.errors import Broken
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.html_rules import is_hidden
from footnote.knowledge.parsing.html_walk import HtmlWalker
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.source import Source

_MAIN = "main, [role=main], article, #mw-content-text, #main-content, #content, #main"
_MAIN_SHARE = 0.4  # of the page's text that an element must hold to be its main content
_MAIN_LEAST = 200
_INNER_SHARE = 0.85  # of the outermost candidate's text that an inner one must keep to be preferred
_MAX_DEPTH = 5_000
# Not among them: void elements and those that may stay open.
_TAG = re.compile(
    r"<(/?)(?!(?:br|img|hr|input|meta|link|p|li|t[drh]|d[dt]|option|wbr|col|area)\b)[a-z]", re.IGNORECASE
)
_CONDITIONAL = re.compile(r"<!\[(?:if|endif)[^>]{0,200}\]>", re.IGNORECASE)


def parse(source: Source) -> ParsedDocument:
    """Reads a page or a fragment of one; errors as in `parsing.parse`."""
    builder = DocumentBuilder(source.limits.max_characters)
    title = add_html(builder, decode(source.data, html_declaration(source.data)), whole_page=True)
    return builder.finish(title or stem(source.filename))


def add_html(builder: DocumentBuilder, markup: str, *, whole_page: bool = False) -> str:
    """Adds the blocks of some HTML.

    Args:
        builder: Where to.
        markup: A page or a fragment.
        whole_page: Whether to look for the main content and leave the site's frame out.

    Returns:
        The page's title, or an empty string.
    """
    text, removed = clean(_CONDITIONAL.sub("", markup))
    builder.removed += removed
    if _is_too_deep(text):
        raise Broken("The page is nested too deeply to be read.")
    tree = LexborHTMLParser(text)
    title = _title(tree)
    root = tree.body or tree.root
    if root is None:
        return title
    main = _main(tree, root) if whole_page else None
    walker = HtmlWalker(builder, drop_frame=whole_page, in_main=main is not None)
    walker.walk(main if main is not None else root)
    if whole_page and walker.kept < walker.dropped:
        # The frame held most of the text: then it was no frame.
        _again(builder, root)
    return title


def _is_too_deep(text: str) -> bool:
    """Whether elements that have to be closed are not: parsers take quadratic time for such pages."""
    if text.count("<") < _MAX_DEPTH:
        return False
    depth = 0
    for tag in _TAG.finditer(text):
        depth += -1 if tag[1] else 1
        if depth > _MAX_DEPTH:
            return True
    return False


def _again(builder: DocumentBuilder, root: Any) -> None:
    """Reads the whole page after all, without leaving menus and asides out."""
    builder.clear()
    HtmlWalker(builder, drop_frame=False, in_main=False).walk(root)


def _title(tree: Any) -> str:
    node = tree.css_first("title")
    title = one_line(node.text()) if node is not None else ""
    if title:
        return title
    for meta in tree.css("meta[property='og:title'], meta[name='title']"):
        content = meta.attributes.get("content")
        if content and content.strip():
            return one_line(content)
    heading = tree.css_first("h1")
    return one_line(heading.text()) if heading is not None else ""


def _main(tree: Any, root: Any) -> Any | None:
    """The element that holds the page's content, if one is marked and holds enough of the text."""
    total = _visible_length(root)
    candidates = [
        (_visible_length(node), depth, node)
        for depth, node in enumerate(tree.css(_MAIN))  # in document order: inner ones come after outer ones
        if not is_hidden(node.attributes)
    ]
    longest = max((length for length, _, _ in candidates), default=0)
    if longest < _MAIN_LEAST or longest < total * _MAIN_SHARE:
        return None
    return max((c for c in candidates if c[0] >= longest * _INNER_SHARE), key=lambda c: c[1])[2]


def _visible_length(node: Any) -> int:
    """Letters of text outside of scripts and styles."""
    length = 0
    for child in node.traverse(include_text=True):
        if (
            child.is_text_node
            and child.parent is not None
            and child.parent.tag not in ("script", "style", "noscript")
        ):
            length += len((child.text_content or "").strip())
    return length
