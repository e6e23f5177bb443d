"""Requests and answers at the edge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from local.aws.signature import Authentication, SignedRequest

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class FileRange:
    """Part of a file as an answer's body; `end` is exclusive."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: bytes | FileRange = b""


@dataclass(frozen=True)
class S3Request:
    """An authenticated request to S3.

    Attributes:
        bucket: First segment of the path.
        key: The rest, decoded; empty for the bucket itself.
        chunks: The body, to be read once.
    """

    signed: SignedRequest
    authentication: Authentication
    bucket: str
    key: str
    chunks: AsyncIterator[bytes]
    source_ip: str

    @property
    def method(self) -> str:
        return self.signed.method

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(self.signed.parameters())

    @cached_property
    def headers(self) -> dict[str, str]:
        return {name: value.strip() for name, value in self.signed.headers}


def text_headers(headers: dict[str, str]) -> Headers:
    """Headers as they go on the wire."""
    return [
        (name.encode("latin-1"), value.encode("latin-1", errors="replace")) for name, value in headers.items()
    ]
