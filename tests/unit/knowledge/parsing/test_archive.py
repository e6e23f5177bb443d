"""Containers that were built to do harm."""

import io
import struct
import zipfile

import pytest

from footnote.knowledge.parsing.archive import Archive
from footnote.knowledge.parsing.errors import ArchiveBomb, Broken, Encrypted, UnsafeArchive
from footnote.platform.settings import IngestionSettings
from tests.support.documents import archive

LIMITS = IngestionSettings()


def test_entries_are_read_whatever_their_case_and_slashes():
    with Archive(archive({"Word\\Document.XML": b"x", "b": b"y"}), LIMITS) as opened:
        assert opened.read("word/document.xml") == b"x"
        assert opened.has("/B")
        assert not opened.has("c")
        with pytest.raises(Broken, match="missing"):
            opened.read("c")


def test_expansion_is_counted_while_it_streams():
    data = archive({"a.xml": b"\0" * 40_000_000})
    with Archive(data, LIMITS) as opened, pytest.raises(ArchiveBomb, match="times its size"):
        opened.read("a.xml")
    limits = IngestionSettings(archive_max_bytes=1_000_000, archive_max_ratio=10_000)
    with Archive(data, limits) as opened, pytest.raises(ArchiveBomb):
        opened.read("a.xml")


def test_lying_headers_do_not_help_a_bomb():
    data = bytearray(archive({"a.xml": b"\0" * 40_000_000}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 100)  # the directory now says: 100 bytes
    with Archive(bytes(data), LIMITS) as opened, pytest.raises((ArchiveBomb, Broken)):
        opened.read("a.xml")


def test_many_small_parts_add_up():
    parts = {f"{n}.xml": bytes([n]) * 300_000 for n in range(60)}
    with Archive(archive(parts), LIMITS) as opened, pytest.raises(ArchiveBomb):
        sum(len(opened.read(name)) for name in parts)


def test_small_parts_may_compress_well():
    with Archive(archive({"styles.xml": b"<a/>" * 100_000}), LIMITS) as opened:
        assert len(opened.read("styles.xml")) == 400_000


def test_too_many_entries_are_refused_before_they_are_listed(monkeypatch):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(10_001):
            file.writestr(str(number), b"")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(ArchiveBomb, match="parts"):
        Archive(stream.getvalue(), LIMITS)


def test_a_count_that_lies_does_not_help():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(70_000):
            file.writestr(str(number), b"")
    data = bytearray(stream.getvalue())
    end = data.rfind(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", 3, 3)
    with pytest.raises((ArchiveBomb, Broken)):
        Archive(bytes(data), LIMITS)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "..\\x", "C:\\x", "inner.zip", "a/b.TAR", "x.gz"])
def test_unsafe_names_are_refused(name):
    with pytest.raises(UnsafeArchive):
        Archive(archive({"a": b"", name: b""}), LIMITS)


def test_embedded_office_files_are_allowed_and_stay_closed():
    with Archive(archive({"word/embeddings/sheet.xlsx": archive({"x": b""})}), LIMITS) as opened:
        assert opened.names() == ["word/embeddings/sheet.xlsx"]


def test_encrypted_entries_are_named_so():
    data = bytearray(archive({"a": b"x"}))
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Encrypted):
        Archive(bytes(data), LIMITS)


@pytest.mark.parametrize("cut", [0, 10, 60, -5])
def test_damage_is_named_so(cut):
    data = archive({"a.xml": b"some content " * 50})
    with pytest.raises(Broken):
        Archive(data[:cut], LIMITS)


def test_damaged_content_is_found_when_it_is_read():
    data = bytearray(archive({"a.xml": bytes(range(256)) * 40}))
    data[60:90] = b"\xff" * 30
    with Archive(bytes(data), LIMITS) as opened, pytest.raises(Broken):
        opened.read("a.xml")
