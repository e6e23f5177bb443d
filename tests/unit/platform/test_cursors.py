"""Cursors come back as they were made, and nothing else is one."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.platform.cursors import decode_cursor, encode_cursor
from footnote.platform.errors import InvalidRequest


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_comes_back_as_it_was_made(at, item_id):
    cursor = encode_cursor(at, item_id)
    assert cursor.isascii()
    assert "=" not in cursor
    assert decode_cursor(cursor) == (at, item_id)


@given(st.text(max_size=80))
def test_other_text_is_refused(text):
    with pytest.raises(InvalidRequest):
        decode_cursor(text)


def test_a_time_without_a_zone_is_refused():
    cursor = encode_cursor(datetime(2025, 1, 1), "0193fa8e-0000-7000-8000-000000000000")  # noqa: DTZ001
    with pytest.raises(InvalidRequest):
        decode_cursor(cursor)


def test_a_time_before_all_times_of_utc_is_refused():
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))
    with pytest.raises(InvalidRequest):
        decode_cursor(encode_cursor(first, UUID(int=1)))


def test_an_offset_with_fractions_of_a_second_is_told_in_utc():
    odd = datetime(2025, 1, 1, 12, tzinfo=timezone(timedelta(hours=1, microseconds=1)))
    at, _ = decode_cursor(encode_cursor(odd, UUID(int=1)))
    assert at.tzinfo is UTC
    assert at == odd
