"""Server-Sent Events from pieces of a byte stream, as WHATWG's specification says (`data` is all we need)."""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT_BYTES = 1024 * 1024


class MalformedStream(ValueError):
    """The bytes are not an event stream that can be read."""


class EventDecoder:
    """Collects bytes and gives out the data of each complete event.

    Lines end at CR, LF or CRLF and nowhere else: text within JSON may hold other characters (U+2028, U+0085)
    that `str.splitlines` would break at. Pieces may split lines and characters anywhere.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[str]:
        """The `data` of each event that `piece` completes; comments and other fields are skipped.

        Raises:
            MalformedStream: An event is larger than a megabyte or not UTF-8.
        """
        for line in self._lines(piece):
            if line:
                self._collect(line)
            elif self._data:
                yield self._event()

    def _lines(self, piece: bytes) -> list[bytes]:
        text = self._rest + piece
        held = b"\r" if text.endswith(b"\r") else b""  # perhaps the first half of a CRLF
        text = text.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise MalformedStream("a line is too large")
        self._rest = rest + held
        return lines

    def _collect(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        if field != b"data":
            return
        self._data.append(value.removeprefix(b" "))
        self._size += len(value)
        if self._size > MAX_EVENT_BYTES:
            raise MalformedStream("an event is too large")

    def _event(self) -> str:
        data, self._data, self._size = b"\n".join(self._data), [], 0
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise MalformedStream("an event is not UTF-8") from error
