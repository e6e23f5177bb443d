"""XML parsing for files of strangers: no document type, no entities, no network, bounded depth and size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from lxml import etree

from footnote.knowledge.parsing.errors import Broken, UnsafeXml

_HEAD = 4096


def parse_xml(data: bytes, part: str) -> Any:
    """The root element (an `lxml.etree._Element`).

    Args:
        data: The part's bytes.
        part: Its name, for messages.

    Raises:
        UnsafeXml: It declares a document type.
        Broken: It is not well-formed beyond repair.
    """
    _refuse_doctype(data[:_HEAD])
    try:
        root = etree.fromstring(data, _parser(recover=False))
    except etree.XMLSyntaxError as error:
        if "depth" in str(error) or "huge" in str(error).lower():
            raise Broken("The document is nested too deeply to be read.") from error
        root = _recovered(data, part)
    if root is None:
        raise _broken(part)
    if root.getroottree().docinfo.internalDTD is not None:
        raise _unsafe()
    return root


def _recovered(data: bytes, part: str) -> Any:
    """What can be saved of XML that is not well-formed; programs write such files and Office opens them."""
    try:
        return etree.fromstring(data, _parser(recover=True))
    except etree.XMLSyntaxError as error:
        raise _broken(part) from error


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


def iterate_xml(stream: IO[bytes], part: str, tags: tuple[str, ...]) -> Iterator[Any]:
    """Elements of the given names (any namespace), each complete, in document order.

    The caller clears what it has used. Errors as in `parse_xml`.
    """
    wanted = tuple(f"{{*}}{tag}" for tag in tags)
    try:
        events = etree.iterparse(
            stream,
            events=("end",),
            tag=wanted,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        checked = False
        for _, element in events:
            if not checked:
                checked = True
                if element.getroottree().docinfo.internalDTD is not None:
                    raise _unsafe()
            yield element
    except etree.XMLSyntaxError as error:
        raise _broken(part) from error


def local(element: Any) -> str:
    """Tag name without its namespace; empty for comments and entities."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Any, name: str) -> str | None:
    """An attribute by its local name, whatever namespace the writer put it in."""
    value = element.get(name)
    if value is not None:
        return str(value)
    for key, found in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(found)
    return None


def _refuse_doctype(head: bytes) -> None:
    if (
        b"<!DOCTYPE" in head
        or "<!DOCTYPE".encode("utf-16-le") in head
        or "<!DOCTYPE".encode("utf-16-be") in head
    ):
        raise _unsafe()


def _unsafe() -> UnsafeXml:
    return UnsafeXml("The file declares XML entities, which documents do not need and attacks use.")


def _broken(part: str) -> Broken:
    return Broken(f"The file is damaged: its part “{part}” is not valid XML.")
