"""Comma-separated values as people really save them."""

import pytest

from tests.support.parsing import parse_here, texts


def read(data, name="people.csv"):
    return texts(parse_here(data if isinstance(data, bytes) else data.encode(), name))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("Name,City,Age\nAnn,Rome,30\nBob,Oslo,31\n", "a.csv"),
        ("Name;City;Age\r\nAnn;Rome;30\r\nBob;Oslo;31\r\n", "a.csv"),
        ("Name\tCity\tAge\nAnn\tRome\t30\nBob\tOslo\t31\n", "a.tsv"),
        ("Name|City|Age\nAnn|Rome|30\nBob|Oslo|31", "a.csv"),
        ("sep=;\nName;City;Age\nAnn;Rome;30\nBob;Oslo;31\n", "a.csv"),
        ("\ufeffName,City,Age\nAnn,Rome,30\nBob,Oslo,31\n", "a.csv"),
        ('"Name","City","Age"\n"Ann","Rome","30"\n"Bob","Oslo","31"\n', "a.csv"),
    ],
)
def test_dialects(data, name):
    assert read(data, name) == ["Name: Ann; City: Rome; Age: 30", "Name: Bob; City: Oslo; Age: 31"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "utf-16-le"])
def test_encodings(encoding):
    data = "Name;Größe\nJosé;1,75\nZoë;1,60\nMüller;1,80\n".encode(encoding)
    assert read(data)[0] == "Name: José; Größe: 1,75"


def test_shift_jis():
    data = "名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n".encode("cp932")
    assert read(data)[0] == "名前: 佐藤太郎; 年齢: 30; 住所: 東京"


def test_quotes_hold_delimiters_and_line_ends():
    assert read('Name,Note\n"Smith, John","two\nlines"\nX,y\n')[0] == "Name: Smith, John; Note: two lines"


def test_rows_of_any_length_are_kept():
    assert read("a,b\n1,2,3,4\n\n5\n") == ["a | b", "1 | 2 | 3 | 4", "5"]


def test_lines_above_the_table_are_text():
    assert read("Report of May\n\nName,Age\nAnn,30\nBob,31\n") == [
        "Report of May",
        "Name: Ann; Age: 30",
        "Name: Bob; Age: 31",
    ]


def test_values_without_names():
    assert read("1,2\n3,4\n") == ["1 | 2", "3 | 4"]


def test_a_very_long_field():
    assert len(read("Name,Note\nAnn," + "x" * 300_000 + "\n")[0]) > 300_000


def test_one_column_keeps_its_name():
    assert read("E-mail\nann@example.com\nbob@example.com\n")[1] == "E-mail: bob@example.com"


def test_formulas_are_text():
    assert read("Name,Value\n=cmd|' /C calc'!A0,1\n")[0] == "Name: =cmd|' /C calc'!A0; Value: 1"
