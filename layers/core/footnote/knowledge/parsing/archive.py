"""Reads ZIP containers that may have been built to exhaust their reader.

Headers lie, so nothing is believed: what is decompressed is counted while it streams.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from types import TracebackType
from typing import IO, Self

from footnote.knowledge.parsing.errors import ArchiveBomb, Broken, Encrypted, UnsafeArchive
from footnote.platform.settings import IngestionSettings

_END = b"PK\x05\x06"
_END_SIZE = 22
_MAX_COMMENT = 65_535
_ENTRY_BUDGET = 512  # bytes of central directory per allowed entry: a header of 46 and a long name
_CHUNK = 256 * 1024
# Small parts compress as they like (style sheets reach 30:1); a bomb needs size to do harm.
_RATIO_FLOOR = 10 * 1024 * 1024
_NESTED = (".zip", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".jar", ".zst", ".cab", ".iso")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, struct.error)


class Archive:
    """A ZIP file under limits.

    Args:
        data: The whole container.
        limits: Entries, bytes and ratio that are allowed.

    Raises:
        ArchiveBomb: Too many entries.
        UnsafeArchive: An entry points outside, or is an archive itself.
        Encrypted: Entries are encrypted.
        Broken: It is no readable ZIP file.
    """

    def __init__(self, data: bytes, limits: IngestionSettings) -> None:
        self._limits = limits
        self._compressed = 0
        self._expanded = 0
        _check_directory(data, limits)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except _DAMAGED as error:
            raise _broken() from error
        self._infos = self._zip.infolist()
        if len(self._infos) > limits.archive_max_entries:
            raise _too_many(limits)
        for info in self._infos:
            _check_entry(info)
        # Some writers use backslashes or another case than their own relationships say.
        self._by_name = {info.filename.replace("\\", "/").lstrip("/").lower(): info for info in self._infos}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        """Names of all entries."""
        return [info.filename.replace("\\", "/").lstrip("/") for info in self._infos]

    def has(self, name: str) -> bool:
        """Whether there is an entry, whatever its case."""
        return name.lstrip("/").lower() in self._by_name

    def read(self, name: str) -> bytes:
        """A whole entry.

        Raises:
            ArchiveBomb: The limits are passed while it expands.
            Broken: It is missing or damaged.
        """
        with self.open(name) as stream:
            return stream.read()

    def open(self, name: str) -> IO[bytes]:
        """A stream of an entry that counts what it gives. Errors as in `read`."""
        info = self._by_name.get(name.lstrip("/").lower())
        if info is None:
            raise Broken(f"The file is damaged: its part “{name}” is missing.")
        try:
            raw = self._zip.open(info)
        except _DAMAGED as error:
            raise _broken() from error
        self._compressed += info.compress_size
        return io.BufferedReader(_Counted(raw, self), _CHUNK)

    def count(self, size: int) -> None:
        """Adds expanded bytes to the account.

        Raises:
            ArchiveBomb: They are more than allowed.
        """
        self._expanded += size
        limits = self._limits
        if self._expanded > limits.archive_max_bytes:
            raise ArchiveBomb(
                f"The file expands to more than {limits.archive_max_bytes // 1024**2} MB "
                "and is treated as an archive bomb."
            )
        dense = self._expanded > limits.archive_max_ratio * max(1, self._compressed)
        if dense and self._expanded > _RATIO_FLOOR:
            raise ArchiveBomb(
                f"The file expands to more than {limits.archive_max_ratio} times its size "
                "and is treated as an archive bomb."
            )


class _Counted(io.RawIOBase):
    """Counts every byte that comes out of the decompressor, whatever the headers promise."""

    def __init__(self, raw: IO[bytes], archive: Archive) -> None:
        super().__init__()
        self._raw = raw
        self._archive = archive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._raw.read(len(buffer))
        except _DAMAGED as error:
            raise _broken() from error
        self._archive.count(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _check_directory(data: bytes, limits: IngestionSettings) -> None:
    """Refuses huge directories before `zipfile` builds an object per entry."""
    at = data.rfind(_END, max(0, len(data) - _END_SIZE - _MAX_COMMENT))
    if at < 0 or len(data) - at < _END_SIZE:
        raise _broken()
    entries, size = struct.unpack_from("<HI", data, at + 10)
    budget = limits.archive_max_entries * _ENTRY_BUDGET
    # 0xffff entries refer to a ZIP64 record; the directory then begins at most all of the file before it.
    if entries != 0xFFFF and entries > limits.archive_max_entries:
        raise _too_many(limits)
    if size != 0xFFFFFFFF and size > budget:
        raise _too_many(limits)
    if (entries == 0xFFFF or size == 0xFFFFFFFF) and data.count(b"PK\x01\x02") > limits.archive_max_entries:
        raise _too_many(limits)


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if ".." in name.split("/") or (len(name) > 1 and name[1] == ":"):
        raise UnsafeArchive("The file holds entries that lead outside of it.")
    if name.lower().endswith(_NESTED):
        raise UnsafeArchive("The file holds further archives. Upload the documents themselves.")
    if info.flag_bits & 0x1:
        raise Encrypted("The file is protected with a password. Remove the protection and upload it again.")


def _too_many(limits: IngestionSettings) -> ArchiveBomb:
    return ArchiveBomb(
        f"The file holds more than {limits.archive_max_entries:,} parts and is treated as an archive bomb."
    )


def _broken() -> Broken:
    return Broken("The file is damaged or was not uploaded completely: it cannot be unpacked.")
