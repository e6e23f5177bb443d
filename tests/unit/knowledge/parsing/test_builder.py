"""Canonical text and the places of its blocks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.errors import Empty, Oversized

BODY = st.text(max_size=60, alphabet=st.characters())


@given(
    st.lists(st.tuples(BODY, st.sampled_from(["paragraph", "list_item", "table_row", "code"])), max_size=20)
)
@settings(max_examples=150, deadline=None)
def test_blocks_are_in_order_and_only_separators_lie_between(entries):
    builder = DocumentBuilder(1_000_000)
    for body, kind in entries:
        builder.add(body, kind, "code" if kind == "code" else "flow")
    if not builder.blocks:
        with pytest.raises(Empty):
            builder.finish("t")
        return
    document = builder.finish("t")
    position = 0
    for block in document.blocks:
        assert block.start >= position
        assert not document.text[position : block.start].strip()
        assert document.text[block.start : block.end].strip()
        position = block.end
    assert position == len(document.text)
    document.text.encode("utf-8")
    assert "\0" not in document.text


def test_heading_paths():
    builder = DocumentBuilder(1_000)
    for level, name in ((1, "A"), (3, "B"), (2, "C"), (2, "D"), (1, "E")):
        builder.heading(name, level)
        builder.add(f"under {name}")
    paths = [block.heading_path for block in builder.finish("t").blocks if block.kind == "paragraph"]
    assert paths == [("A",), ("A", "B"), ("A", "C"), ("A", "D"), ("E",)]


def test_limit_of_characters():
    builder = DocumentBuilder(10)
    builder.add("123456789")
    with pytest.raises(Oversized):
        builder.add("x")


def test_hidden_characters_are_counted_and_said_once():
    builder = DocumentBuilder(100)
    builder.add("te\u200bxt")
    builder.hidden(5, "in a test")
    builder.hidden(0, "nothing")
    builder.hidden(5, "in a test")
    document = builder.finish(" A\n title ")
    assert document.title == "A title"
    assert document.removed_characters == 11
    assert document.warnings == ("Hidden text was left out (in a test).",)
