"""The little XML of S3's answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from xml.sax.saxutils import escape

from local.aws.errors import AwsError

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_LIMIT_BYTES = 1024 * 1024

Fields = Mapping[str, str]


def element(name: str, content: str | Fields) -> str:
    """An element with text, or with one child for each field."""
    if isinstance(content, str):
        return f"<{name}>{escape(content)}</{name}>"
    return f"<{name}>{''.join(element(child, text) for child, text in content.items())}</{name}>"


def document(root: str, *content: Fields | tuple[str, str | Fields]) -> bytes:
    """A document of S3.

    Args:
        root: Name of the root element.
        content: Fields of the root, or (name, content) of elements that may repeat.
    """
    parts: list[str] = []
    for item in content:
        pairs = [item] if isinstance(item, tuple) else list(item.items())
        parts += [element(name, text) for name, text in pairs]
    inner = "".join(parts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">{inner}</{root}>'.encode()


async def read_limited(chunks: AsyncIterator[bytes]) -> bytes:
    """A request's XML body.

    Raises:
        AwsError: It has more than 1 MB.
    """
    body = b""
    async for chunk in chunks:
        body += chunk
        if len(body) > _LIMIT_BYTES:
            raise AwsError("MalformedXML", "The XML you provided is too large.")
    return body
