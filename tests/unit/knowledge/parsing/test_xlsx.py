"""Workbooks: tables found on sheets, values as they are shown."""

import pytest

from footnote.knowledge.parsing.errors import Empty, Oversized
from footnote.knowledge.parsing.xlsx_sheet import column_letters, parse_range, parse_reference
from footnote.knowledge.parsing.xlsx_values import number_format, render
from tests.support.documents import cell, rows, sheet_xml, xlsx
from tests.support.parsing import block_with, parse_here, texts


def read(*data, merged=(), **options):
    return parse_here(xlsx({"Data": sheet_xml("".join(data), merged=merged)}, **options), "book.xlsx")


def test_rows_name_their_columns_and_know_their_sheet():
    book = xlsx(
        {
            "People": sheet_xml(rows(["Name", "Age"], ["Ann", 30], ["Bob", 31.5])),
            "Cities & more": sheet_xml(rows(["City"], ["Rome"], ["Oslo"], ["Bern"])),
        }
    )
    document = parse_here(book, "b.xlsx")
    assert texts(document) == ["Name: Ann; Age: 30", "Name: Bob; Age: 31.5", "City", "Rome", "Oslo", "Bern"]
    assert (document.unit_kind, document.units_total) == ("sheet", 2)
    assert block_with(document, "Rome").unit_label == "Cities & more"


def test_a_declared_range_of_millions_costs_nothing():
    data = rows(["Name", "Age"], ["Ann", 30]) + '<row r="1048576"><c r="XFD1048576"/></row>'
    document = parse_here(xlsx({"S": sheet_xml(data, dimension="A1:XFD1048576")}), "a.xlsx")
    assert texts(document) == ["Name: Ann; Age: 30"]


def test_lines_above_a_table_are_its_headings():
    document = read(
        rows(["Report 2023"], [], ["Revenue by region"], ["Region", "Q1"], ["North", 1], ["South", 2]),
        rows(["Note: figures are preliminary."], first=9),
    )
    assert block_with(document, "North").heading_path == ("Report 2023", "Revenue by region")
    assert texts(document, "paragraph") == ["Note: figures are preliminary."]


def test_group_names_over_columns():
    data = rows(["", "Plan", None, "Actual"], ["Region", "Q1", "Q2", "Q1", "Q2"], ["North", 1, 2, 3, 4])
    merged = read(
        rows(["Region", "Plan", None, "Actual"], [None, "Q1", "Q2", "Q1", "Q2"], ["North", 1, 2, 3, 4]),
        merged=("A1:A2", "B1:C1", "D1:E1"),
    )
    assert texts(merged) == ["Region: North; Plan Q1: 1; Plan Q2: 2; Actual Q1: 3; Actual Q2: 4"]
    assert "North" in texts(read(data))[-1]


def test_a_name_over_the_whole_table_becomes_its_heading():
    document = read(
        rows(
            ["In millions", None, None, "January-June 2023"],
            [None, "Sales", "Profit", "Margin"],
            [],
            ["North", 1, 2, 3],
            ["South", 4, 5, 6],
        )
    )
    assert texts(document, "table_row")[0] == "In millions: North; Sales: 1; Profit: 2; Margin: 3"
    assert block_with(document, "South").heading_path == ("January-June 2023",)


def test_tables_beside_each_other_are_told_apart():
    data = rows(
        ["Name", "Age", None, None, None],
        ["Ann", 30, None, "City", "People"],
        ["Bob", 31, None, "Rome", 3],
        ["Cid", 32, None, "Oslo", 1],
    )
    assert set(texts(read(data))) == {
        "Name: Ann; Age: 30",
        "Name: Bob; Age: 31",
        "Name: Cid; Age: 32",
        "City: Rome; People: 3",
        "City: Oslo; People: 1",
    }


def test_an_empty_column_inside_a_table_does_not_part_it():
    data = rows(["Region", "Sales", None, "Profit"], ["North", 1, None, 2], ["South", 3, None, 4])
    assert texts(read(data)) == ["Region: North; Sales: 1; Profit: 2", "Region: South; Sales: 3; Profit: 4"]


def test_formulas_without_results_are_shown_as_formulas():
    data = (
        rows(["Item", "Sum"])
        + '<row r="2">'
        + cell("A2", "x", kind="inlineStr")
        + cell("B2", None, formula="SUM(A1:A9)")
        + "</row>"
    )
    document = read(
        data, '<row r="3">' + cell("A3", "y", kind="inlineStr") + cell("B3", 7, formula="1+6") + "</row>"
    )
    assert texts(document) == ["Item: x; Sum: =SUM(A1:A9)", "Item: y; Sum: 7"]
    assert "formulas but without stored results: 1" in document.warnings[0]


def test_hidden_sheets_are_named_and_not_read():
    book = xlsx(
        {"A": sheet_xml(rows(["seen", "x"])), "B": sheet_xml(rows(["secret", "y"]))},
        states={"B": "veryHidden"},
    )
    document = parse_here(book, "a.xlsx")
    assert "secret" not in document.text
    assert document.warnings == ("Hidden sheets were not read: B.",)


def test_booleans_errors_and_escapes():
    line = (
        '<row r="1">'
        + cell("A1", "1", kind="b")
        + cell("B1", "#DIV/0!", kind="e")
        + cell("C1", "a_x000D_b", kind="str")
        + cell("D1", "99", kind="s")
        + "</row>"
    )
    assert texts(read(line)) == ["TRUE | #DIV/0! | a b"]


def test_cells_without_references_count_on():
    assert texts(
        read("<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c><c><v>4</v></c></row>")
    ) == [
        "1 | 2",
        "3 | 4",
    ]


def test_limits_and_emptiness():
    with pytest.raises(Oversized):
        parse_here(
            xlsx({"S": sheet_xml(rows(["x" * 100, "y"], ["z" * 100, "w"]))}), "a.xlsx", max_characters=150
        )
    with pytest.raises(Empty):
        parse_here(xlsx({"S": sheet_xml("")}), "a.xlsx")


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("General", 3.0, "3"),
        ("General", 0.1 + 0.2, "0.3"),
        ("General", 1e20, "1e+20"),
        ("0.00", 2.5, "2.50"),
        ("#,##0", 1234567.4, "1,234,567"),
        ("#,##0.00", -1234.5, "-1,234.50"),
        ("0%", 0.256, "26%"),
        ("0.0%", 0.256, "25.6%"),
        ('#,##0.00 "€"', 9.5, "9.50 €"),
        ("[$€-407] #,##0.00", 9.5, "€9.50"),
        ('"$"#,##0', -12, "-$12"),
        ('_(* #,##0_);_(* \\(#,##0\\);_(* "—"_)', -553, "-553"),
        ('_(* #,##0_);_(* \\(#,##0\\);_(* "—"_)', 0, "0"),
        ("#,##0,", 1_234_567, "1,235"),
        ("[Red]0;[Blue]0", 4, "4"),
        ('0 "kg"', 4, "4 kg"),
        ("yyyy-mm-dd", 45291, "2023-12-31"),
        ("dd/mm/yyyy hh:mm", 45291.75, "2023-12-31 18:00"),
        ("d. mmmm yyyy", 45291, "2023-12-31"),
        ("mmm-yy", 45291, "December 2023"),
        ("yyyy", 45291, "2023"),
        ("h:mm", 0.5, "12:00"),
        ("[h]:mm:ss", 1.5, "36:00:00"),
        ("[$-409]d-mmm-yy;@", 45291, "2023-12-31"),
        ("yyyy-mm-dd", 59, "1900-02-28"),
        ("yyyy-mm-dd", -5, "-5"),
        ("@", 12, "12"),
        ("0.00E+00", 12345, "12345"),
    ],
)
def test_number_formats(code, value, shown):
    assert render(value, number_format(200, {200: code}), base_1904=False) == shown


def test_dates_of_old_macs_and_built_in_formats():
    assert render(0, number_format(14, {}), base_1904=True) == "1904-01-01"
    assert render(0.5, number_format(9, {}), base_1904=False) == "50%"
    assert render(45291, number_format(30, {}), base_1904=False) == "2023-12-31"


def test_styled_cells_through_the_whole_reader():
    line = (
        '<row r="1">'
        + cell("A1", 0.5, style="0")
        + cell("B1", 45291, style="1")
        + cell("C1", 7, style="9")
        + "</row>"
    )
    assert texts(read(line, formats=("0%", "yyyy-mm-dd"))) == ["50% | 2023-12-31 | 7"]


def test_references():
    assert parse_reference("$AB$12") == (12, 27)
    assert parse_reference("12") is None
    assert parse_range("A1:C7") == (1, 0, 7, 2)
    assert [column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
