"""Walks an HTML tree and adds what a reader would see, block by block."""

from __future__ import annotations

import re
from typing import Any

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.html_rules import BLOCKS, HEADINGS, SKIPPED, is_frame, is_hidden, is_tool
from footnote.knowledge.parsing.html_tables import add_html_table, is_data_table
from footnote.knowledge.parsing.normalisation import one_line

_SHORT_BASE = re.compile(r"(?:^|[\s(=+*/\-−])[A-Za-z0-9)]{1,3}$")
_EXPONENT = re.compile(r"^[+\-−]?\d{1,3}$")
_ALT_WORDS = 2
# Neighbours without a space between them that style sheets set apart: menus, prices and their units.
_SPACED_BY_STYLE = frozenset({"a", "span"})
_BORDER = "\x1e"
_STYLED_GAP = re.compile(
    f"(?<=[a-z\u00df-\u00ff0-9]){_BORDER}(?=[A-Z\u00c0-\u00de])|(?<=[0-9]){_BORDER}(?=[a-z])"
)
_BULLET = re.compile(r"^[·•▪§]\s+")  # of list paragraphs that Word writes
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".svg", ".webp")
_MENU_LINKS = 4
_MENU_LINK_LENGTH = 25


class HtmlWalker:
    """One pass over a tree, without recursion: pages of strangers nest deeply.

    Args:
        builder: Where blocks go.
        drop_frame: Whether menus, footers and side bars are left out.
        in_main: Whether the walk begins at the marked main content (side notes there belong to it).

    Attributes:
        kept, dropped: Characters of visible text taken and left out with the frame.
    """

    def __init__(self, builder: DocumentBuilder, *, drop_frame: bool, in_main: bool) -> None:
        self.kept = 0
        self.dropped = 0
        self._builder = builder
        self._drop_frame = drop_frame
        self._in_main = in_main
        self._inline: list[str] = []
        self._items = 0
        self._last = ""
        self._closed = ""

    def walk(self, root: Any) -> None:
        """Adds everything under `root`."""
        stack: list[tuple[Any, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if leaving:
                self._leave(node.tag)
                self._closed = node.tag
                continue
            if node.is_text_node:
                self._inline.append(node.text_content or "")
                self._closed = ""
                continue
            if not node.is_element_node or not self._enter(node):
                continue
            stack.append((node, True))
            child = node.last_child
            while child is not None:
                stack.append((child, False))
                child = child.prev
        self._flush()

    def _enter(self, node: Any) -> bool:
        """Deals with an element; whether its children are to be walked."""
        tag = node.tag
        if tag in SKIPPED:
            return False
        attributes = node.attributes
        if self._left_out(node, tag, attributes):
            return False
        if tag in HEADINGS:
            self._flush()
            self._builder.heading(visible_text(node), HEADINGS[tag])
            return False
        if tag == "table":
            self._flush()
            if is_data_table(node):
                self.kept += add_html_table(self._builder, node)
                return False
            return True
        return self._enter_other(node, tag, attributes)

    def _enter_other(self, node: Any, tag: str, attributes: dict[str, str | None]) -> bool:
        match tag:
            case "br":
                self._break()
            case "img":
                self._image(attributes)
            case "math":
                self._inline.append(_formula(node, attributes))
            case "pre":
                self._flush()
                self._add(node.text(), "code", "code")
            case "li":
                self._flush()
                self._items += 1
                return True
            case "sup":
                return self._superscript(node, attributes)
            case "input" | "button":
                pass
            case _:
                if tag in BLOCKS:
                    self._flush()
                elif tag in _SPACED_BY_STYLE and self._closed in _SPACED_BY_STYLE:
                    self._inline.append(" " if tag == "a" else _BORDER)
                return True
        return False

    def _leave(self, tag: str) -> None:
        if tag == "li":
            self._flush()
            self._items = max(0, self._items - 1)
        elif tag in BLOCKS:
            self._flush()

    def _left_out(self, node: Any, tag: str, attributes: dict[str, str | None]) -> bool:
        if is_hidden(attributes):
            self._builder.hidden(len(one_line(node.text())), "not shown by a browser")
            return True
        if is_tool(attributes):
            return True
        if self._drop_frame and not self._in_main and (is_frame(tag, attributes)):
            self.dropped += len(one_line(visible_text(node)))
            return True
        if self._drop_frame and tag == "nav":
            return True
        if self._drop_frame and tag in ("ul", "ol") and not self._in_main and _is_menu(node):
            self.dropped += len(one_line(visible_text(node)))
            return True
        return False

    def _superscript(self, node: Any, attributes: dict[str, str | None]) -> bool:
        """Exponents are written with ^; reference marks of wikis are no text."""
        if "reference" in (attributes.get("class") or "").split():
            return False
        text = one_line(node.text())
        if _EXPONENT.match(text) and _SHORT_BASE.search("".join(self._inline[-2:]).rstrip()):
            self._inline.append("^" + text)
            return False
        return True

    def _break(self) -> None:
        """One line break is a space, two are a new paragraph."""
        if self._inline and self._inline[-1] == "\n":
            self._flush()
        else:
            while self._inline and not self._inline[-1].strip() and self._inline[-1] != "\n":
                self._inline.pop()
            if self._inline and self._inline[-1] == "\n":
                self._flush()
            else:
                self._inline.append("\n")

    def _image(self, attributes: dict[str, str | None]) -> None:
        alternative = one_line(attributes.get("alt") or "")
        if len(alternative.split()) >= _ALT_WORDS and not alternative.lower().endswith(_IMAGE_ENDINGS):
            self._inline.append(f" {alternative} ")

    def _flush(self) -> None:
        if self._inline:
            text = one_line(_spaced("".join(self._inline)))
            self._inline = []
            item = bool(_BULLET.match(text))
            text = _BULLET.sub("", text)
            if text == self._last:
                return  # a picture's description, said again below it
            self._last = text or self._last
            self._add(text, "list_item" if self._items or item else "paragraph", "flow")

    def _add(self, text: str, kind: Any, layout: Any) -> None:
        self.kept += len(text.strip())
        self._builder.add(text, kind, layout)


def _spaced(text: str) -> str:
    """Puts spaces where two spans touch that can hardly be one word."""
    return _STYLED_GAP.sub(" ", text).replace(_BORDER, "") if _BORDER in text else text


def visible_text(node: Any) -> str:
    """Text under a node without scripts, hidden parts and tools; blocks are kept apart by spaces."""
    parts: list[str] = []
    stack = [node]
    while stack:
        current = stack.pop()
        if current.is_text_node:
            parts.append(current.text_content or "")
            continue
        if not current.is_element_node:
            continue
        tag, attributes = current.tag, current.attributes
        if tag in SKIPPED or (attributes and (is_hidden(attributes) or is_tool(attributes))):
            continue
        if tag == "sup" and "reference" in (attributes.get("class") or "").split():
            continue
        if tag == "math":
            parts.append(_formula(current, attributes))
            continue
        if tag == "li" and parts and parts[-1].strip():
            parts.append(", ")
        elif tag in BLOCKS or tag in HEADINGS or tag == "br":
            parts.append(" ")
        child = current.last_child
        while child is not None:
            stack.append(child)
            child = child.prev
    return one_line("".join(parts))


def _formula(node: Any, attributes: dict[str, str | None]) -> str:
    """A formula as its author's TeX where that is kept, else its symbols."""
    alternative = attributes.get("alttext")
    if alternative:
        return f" {alternative} "
    annotation = node.css_first("annotation")
    return f" {annotation.text() if annotation is not None else node.text(separator=' ')} "


def _is_menu(node: Any) -> bool:
    """A list of short links and nothing else."""
    links = node.css("a")
    if len(links) < _MENU_LINKS:
        return False
    linked = sum(len(one_line(link.text())) for link in links)
    total = len(one_line(node.text()))
    return linked >= total * 0.85 and linked / len(links) <= _MENU_LINK_LENGTH
