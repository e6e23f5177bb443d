"""Rows that can be read on their own."""

import pytest

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.tables import SPAN, add_table, looks_like_header


def blocks(table, **options):
    builder = DocumentBuilder(100_000)
    add_table(builder, table, **options)
    document = builder.finish("t")
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_values_stand_beside_the_names_of_their_columns():
    assert blocks([["Name", "Age"], ["Ann", "30"], ["Bob", ""]]) == [
        ("table_row", "Name: Ann; Age: 30"),
        ("table_row", "Bob"),
    ]
    assert blocks([["Name", "Age"], ["", "30"], ["Bob", "31"]])[0] == ("table_row", "Age: 30")


def test_without_names_values_stand_between_bars():
    assert blocks([["1", "2", "3"], ["4", "5", "6"]]) == [
        ("table_row", "1 | 2 | 3"),
        ("table_row", "4 | 5 | 6"),
    ]


def test_of_two_columns_the_first_names_the_second():
    assert blocks([["Kingdom:", "Animalia"], ["Founded", "1911"]], header=False) == [
        ("table_row", "Kingdom: Animalia"),
        ("table_row", "Founded: 1911"),
    ]


def test_a_cell_over_the_whole_width_is_a_caption():
    assert blocks([["Sales", SPAN, SPAN], ["Region", "Q1", "Q2"], ["North", "1", "2"]]) == [
        ("caption", "Sales"),
        ("table_row", "Region: North; Q1: 1; Q2: 2"),
    ]


def test_group_names_are_put_before_the_names_under_them():
    table = [["", "Plan", SPAN, "Actual", SPAN], ["", "Q1", "Q2", "Q1", "Q2"], ["North", "1", "2", "3", "4"]]
    assert blocks(table) == [("table_row", "North; Plan Q1: 1; Plan Q2: 2; Actual Q1: 3; Actual Q2: 4")]


def test_a_single_column_is_no_table():
    assert blocks([["First line"], ["Second line"]]) == [
        ("paragraph", "First line"),
        ("paragraph", "Second line"),
    ]


def test_white_space_and_empty_rows_go():
    assert blocks([["A\n b", " C "], ["", " "], ["x", "y"]]) == [("table_row", "A b: x; C: y")]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([["Name", "Age"], ["Ann", "30"]], True),
        ([["", "2021", "2022"], ["Revenue", "1", "2"]], True),
        ([["12", "13"], ["14", "15"]], False),
        ([["Ann", "30"], ["Bob", "31"]], False),
        ([["only one row", "x"]], False),
        ([["a sentence that is far too long to be the name of a column " * 3, "b"], ["c", "d"]], False),
        ([["Name", "", ""], ["Ann", "30", "Rome"]], False),
    ],
)
def test_headers(table, expected):
    assert looks_like_header(table) is expected
