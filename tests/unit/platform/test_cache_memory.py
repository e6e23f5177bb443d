"""The process's memory: bounded in entries and bytes, with terms, an organization to itself."""

from uuid import uuid4

import pytest

from footnote.platform.caching import CacheKey, MemoryTier
from tests.support.clock import ManualClock

ORGANIZATION = uuid4()


def key(digest, organization=ORGANIZATION, **options):
    return CacheKey(organization, options.pop("kind", "response"), digest, **options)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def memory(clock):
    return MemoryTier(clock, max_entries=3, max_bytes=100)


def test_an_entry_ends_with_its_term(memory, clock):
    memory.set(key("a"), "value", 60)
    clock.advance(59.9)
    assert memory.get(key("a")) == "value"
    clock.advance(0.1)
    assert memory.get(key("a")) is None
    assert memory.size == 0
    assert len(memory) == 0


def test_reading_can_give_a_new_term(memory, clock):
    memory.set(key("a"), "value", 60)
    clock.advance(50)
    assert memory.get(key("a"), 60) == "value"
    clock.advance(50)
    assert memory.get(key("a")) == "value"


def test_the_least_recently_used_makes_room_for_entries(memory):
    for digest in "abc":
        memory.set(key(digest), digest, 60)
    memory.get(key("a"))
    memory.set(key("d"), "d", 60)
    assert [memory.get(key(digest)) for digest in "abcd"] == ["a", None, "c", "d"]


def test_bytes_are_bounded_and_counted_as_bytes(memory):
    memory.set(key("a"), "ä" * 30, 60)
    assert memory.size == 60
    memory.set(key("b"), "b" * 41, 60)
    assert memory.get(key("a")) is None
    assert memory.size == 41
    memory.set(key("c"), "c" * 101, 60)
    assert memory.get(key("c")) is None
    assert memory.get(key("b")) is not None


def test_writing_again_replaces(memory):
    memory.set(key("a"), "long value", 60)
    memory.set(key("a"), "short", 60)
    assert (memory.get(key("a")), memory.size, len(memory)) == ("short", 5, 1)


def test_neither_organizations_nor_kinds_nor_versions_nor_generations_share(memory):
    memory.set(key("a"), "mine", 60)
    for other in (key("a", uuid4()), key("a", kind="search"), key("a", version=2), key("a", generation=1)):
        assert memory.get(other) is None


def test_a_kind_of_an_organization_is_forgotten_and_nothing_else(memory):
    other = uuid4()
    memory.set(key("a"), "1", 60)
    memory.set(key("b", kind="search"), "2", 60)
    memory.set(key("c", other), "3", 60)
    assert memory.forget(ORGANIZATION, "response") == 1
    assert memory.get(key("a")) is None
    assert memory.get(key("b", kind="search")) == "2"
    assert memory.get(key("c", other)) == "3"
