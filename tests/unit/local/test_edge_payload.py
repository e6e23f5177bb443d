"""Bodies in `aws-chunked` encoding and their checks."""

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.aws.errors import AwsError
from local.aws.payload import ChunkDecoder, expectations, receive

CRC32_OF_DATA = base64.b64encode(zlib.crc32(b"data").to_bytes(4, "big")).decode()


def encode(chunks, trailer="x-amz-checksum-crc32:AAAAAA=="):
    body = b"".join(b"%x;chunk-signature=0\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
    return body + b"0\r\n" + trailer.encode() + b"\r\n\r\n"


@given(st.lists(st.binary(max_size=300)), st.integers(1, 50))
def test_chunks_are_decoded_however_they_arrive(chunks, step):
    encoded = encode(chunks)
    decoder = ChunkDecoder()
    decoded = b"".join(decoder.feed(encoded[at : at + step]) for at in range(0, len(encoded), step))
    decoder.finish()
    assert decoded == b"".join(chunks)
    assert decoder.trailers == {"x-amz-checksum-crc32": "AAAAAA=="}


@pytest.mark.parametrize("body", [b"zz\r\nabc", b"3\r\nabcde", b"x" * 2000])
def test_what_is_not_chunked_is_refused(body):
    with pytest.raises(AwsError):
        ChunkDecoder().feed(body)


def test_a_missing_end_is_noticed():
    decoder = ChunkDecoder()
    decoder.feed(b"3\r\nabc\r\n")
    with pytest.raises(AwsError, match="terminated"):
        decoder.finish()


async def body(*chunks):
    for chunk in chunks:
        yield chunk


async def received(tmp_path, headers, signed="UNSIGNED-PAYLOAD", data=b"data", limit=100):
    return await receive(body(data), expectations(headers, signed), tmp_path / "body", limit)


@pytest.mark.parametrize(
    ("headers", "signed"),
    [
        ({"content-md5": base64.b64encode(hashlib.md5(b"data").digest()).decode()}, "UNSIGNED-PAYLOAD"),
        ({"x-amz-checksum-crc32": CRC32_OF_DATA}, "UNSIGNED-PAYLOAD"),
        ({}, hashlib.sha256(b"data").hexdigest()),
        ({"x-amz-decoded-content-length": "4"}, "UNSIGNED-PAYLOAD"),
    ],
)  # fmt: skip
async def test_a_body_is_checked_against_what_was_said(tmp_path, headers, signed):
    assert (await received(tmp_path, headers, signed)).md5 == hashlib.md5(b"data").hexdigest()
    with pytest.raises(AwsError):
        await received(tmp_path, headers, signed, data=b"other")
    assert not (tmp_path / "body").exists()


async def test_a_trailer_checksum_is_checked(tmp_path):
    headers = {"x-amz-trailer": "x-amz-checksum-crc32"}
    value = CRC32_OF_DATA
    good = encode([b"data"], f"x-amz-checksum-crc32:{value}")
    result = await received(tmp_path, headers, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", good, limit=1000)
    assert (result.size, result.checksum) == (4, ("crc32", value))
    with pytest.raises(AwsError, match="crc32"):
        await received(tmp_path, headers, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", encode([b"data"]), limit=1000)


async def test_limits_and_unknown_checksums(tmp_path):
    with pytest.raises(AwsError, match="maximum"):
        await received(tmp_path, {}, data=b"x" * 101)
    with pytest.raises(AwsError, match="crc64nvme"):
        await received(tmp_path, {"x-amz-checksum-crc64nvme": "x"})
