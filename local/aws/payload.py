"""Receives an object's body: decodes, measures and checks it while it is written to a file."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from local.aws.errors import AwsError
from local.aws.signature import UNSIGNED_PAYLOAD

_CHECKSUM = "x-amz-checksum-"
_STREAMING = "STREAMING-"
_MAX_CHUNK_HEADER = 1024


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_ALGORITHMS: dict[str, Callable[[], _Digest]] = {
    "crc32": _Crc32,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}


@dataclass(frozen=True)
class Received:
    """A body that arrived whole and is what its sender said.

    Attributes:
        file: Where it lies.
        size: In bytes.
        md5: Hexadecimal; the ETag of an object sent in one piece.
        checksum: Algorithm and base64 value, where one was sent.
    """

    file: Path
    size: int
    md5: str
    checksum: tuple[str, str] | None


@dataclass(frozen=True)
class Expected:
    """What the headers of a PUT say of its body."""

    signed_payload: str
    content_md5: str | None
    decoded_length: int | None
    algorithm: str | None
    checksum: str | None

    @property
    def chunked(self) -> bool:
        """Whether the body comes in `aws-chunked` encoding, with the checksum in a trailer."""
        return self.signed_payload.startswith(_STREAMING)


def expectations(headers: dict[str, str], signed_payload: str) -> Expected:
    """Reads what is said about a body.

    Args:
        headers: The request's, names in lower case.
        signed_payload: `x-amz-content-sha256` as it was signed.

    Raises:
        AwsError: A checksum that is not computed here (CRC32C, CRC64NVME).
    """
    given = {
        name.removeprefix(_CHECKSUM): value for name, value in headers.items() if name.startswith(_CHECKSUM)
    }
    given = {name: value for name, value in given.items() if name not in ("algorithm", "mode", "type")}
    trailer = headers.get("x-amz-trailer", "").lower()
    algorithm = next(iter(given), None) or (trailer.removeprefix(_CHECKSUM) or None)
    if algorithm is not None and algorithm not in _ALGORITHMS:
        raise AwsError("NotImplemented", f"The checksum {algorithm} is not computed by the local stack.", 501)
    length = headers.get("x-amz-decoded-content-length")
    return Expected(
        signed_payload=signed_payload,
        content_md5=headers.get("content-md5"),
        decoded_length=int(length) if length and length.isdigit() else None,
        algorithm=algorithm,
        checksum=given.get(algorithm) if algorithm else None,
    )


async def receive(chunks: AsyncIterator[bytes], expected: Expected, file: Path, limit: int) -> Received:
    """Writes a body to `file` and checks it; the file is removed if anything is wrong.

    Raises:
        AwsError: It is too large, or not what the headers say.
    """
    try:
        return await _receive(chunks, expected, file, limit)
    except BaseException:
        file.unlink(missing_ok=True)  # noqa: ASYNC240 - a local file's name, removed at once
        raise


async def _receive(chunks: AsyncIterator[bytes], expected: Expected, file: Path, limit: int) -> Received:
    md5 = hashlib.md5(usedforsecurity=False)
    digests: list[_Digest] = [md5]
    sha256 = hashlib.sha256() if len(expected.signed_payload) == 64 else None
    checksum = _ALGORITHMS[expected.algorithm]() if expected.algorithm else None
    digests += [digest for digest in (sha256, checksum) if digest is not None]
    decoder = ChunkDecoder() if expected.chunked else None
    size = 0
    with file.open("wb") as target:
        async for chunk in chunks:
            data = decoder.feed(chunk) if decoder else chunk
            size += len(data)
            if size > limit:
                raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400)
            for digest in digests:
                digest.update(data)
            target.write(data)
    value = base64.b64encode(checksum.digest()).decode() if checksum else None
    stated = expected.checksum
    if decoder is not None:
        decoder.finish()
        stated = stated or decoder.trailers.get(f"{_CHECKSUM}{expected.algorithm}")
    _check(expected, size, md5.digest(), sha256.hexdigest() if sha256 else None)
    if value is not None and stated != value:
        raise AwsError("BadDigest", f"The {expected.algorithm} you specified did not match what we received.")
    return Received(file, size, md5.hexdigest(), (expected.algorithm or "", value) if value else None)


def _check(expected: Expected, size: int, md5: bytes, sha256: str | None) -> None:
    if expected.decoded_length is not None and expected.decoded_length != size:
        raise AwsError("IncompleteBody", "You did not provide the number of bytes specified.")
    if sha256 is not None and sha256 != expected.signed_payload:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise AwsError("XAmzContentSHA256Mismatch", message)
    if expected.content_md5 is not None and base64.b64encode(md5).decode() != expected.content_md5:
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    if sha256 is None and not expected.chunked and expected.signed_payload != UNSIGNED_PAYLOAD:
        raise AwsError("InvalidArgument", "x-amz-content-sha256 must be a SHA-256 or UNSIGNED-PAYLOAD.")


class ChunkDecoder:
    """Decodes `aws-chunked`: hexadecimal size, optional signature, data, and trailers at the end.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self._buffer = bytearray()
        self._remaining = 0
        self._last = False

    def feed(self, data: bytes) -> bytes:
        """Takes encoded bytes in, returns the decoded ones so far complete.

        Raises:
            AwsError: It is not in this encoding.
        """
        self._buffer += data
        decoded = bytearray()
        while True:
            if self._remaining > 0:
                if not self._take(decoded):
                    return bytes(decoded)
                continue
            line = self._line()
            if line is None:
                return bytes(decoded)
            self._read_line(line)

    def finish(self) -> None:
        """Checks that the last chunk came.

        Raises:
            AwsError: It did not.
        """
        if not self._last:
            raise AwsError("IncompleteBody", "The request body terminated unexpectedly.")

    def _take(self, decoded: bytearray) -> bool:
        """Moves data of the current chunk (and the line end after it); false when more must come."""
        data = self._buffer[: max(self._remaining - 2, 0)]
        decoded += data
        del self._buffer[: len(data)]
        self._remaining -= len(data)
        if self._remaining > 2 or len(self._buffer) < self._remaining:
            return False
        if bytes(self._buffer[:2]) != b"\r\n":
            raise _malformed()
        del self._buffer[:2]
        self._remaining = 0
        return True

    def _line(self) -> str | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_CHUNK_HEADER:
                raise _malformed()
            return None
        line = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 2]
        return line

    def _read_line(self, line: str) -> None:
        if self._last:
            name, _, value = line.partition(":")
            if name:
                self.trailers[name.strip().lower()] = value.strip()
            return
        try:
            size = int(line.split(";", maxsplit=1)[0], 16)
        except ValueError:
            raise _malformed() from None
        self._last = size == 0
        self._remaining = size + 2 if size else 0


def _malformed() -> AwsError:
    return AwsError("InvalidRequest", "The body is not in aws-chunked encoding.")
