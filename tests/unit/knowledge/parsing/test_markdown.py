"""Markdown, with what people mix into it."""

from tests.support.parsing import block_with, parse_here, texts


def read(text):
    return parse_here(text.encode(), "notes.md")


def test_structure():
    document = read(
        "# Guide\n\nIntro *with* `code` and [a link](http://x.y).\n\n"
        "## Care\n\n- first\n  - inner\n- second\n\n"
        "1. one\n2. two\n\n> quoted\n\n```python\nif x:\n    y()\n```\n\n    indented code\n"
    )
    assert document.title == "Guide"
    assert texts(document, "paragraph") == ["Intro with code and a link.", "quoted"]
    assert texts(document, "list_item") == ["first", "inner", "second", "one", "two"]
    assert texts(document, "code") == ["if x:\n    y()", "indented code"]
    assert block_with(document, "second").heading_path == ("Guide", "Care")


def test_tables_name_their_columns():
    document = read("| Name | Age |\n|---|---:|\n| Ann | 30 |\n| **Bob** | 31 |\n")
    assert texts(document, "table_row") == ["Name: Ann; Age: 30", "Name: Bob; Age: 31"]


def test_front_matter_gives_the_title_and_is_searchable():
    document = read('---\ntitle: "The Report"\nauthor: Ann\ndraft: false\n---\n\n# Other\n\nText.\n')
    assert document.title == "The Report"
    assert "author: Ann" in document.text
    assert "draft" not in document.text


def test_a_rule_is_no_front_matter():
    assert "first part" in read("first part\n\n---\n\nsecond part\n").text


def test_html_inside_is_read_and_comments_are_not():
    document = read(
        "Text\n\n<ul><li>Item</li></ul>\n\n<!-- secret\n\nstill secret -->\n\nA<br>B <b>bold</b>\n"
    )
    assert texts(document) == ["Text", "Item", "A B bold"]


def test_byte_order_mark_and_windows_line_ends():
    document = parse_here("\ufeff# Title\r\n\r\nLine one\r\nline two\r\n".encode(), "a.markdown")
    assert document.title == "Title"
    assert texts(document, "paragraph") == ["Line one line two"]


def test_several_outer_headings_make_no_title():
    assert parse_here(b"# One\n\ntext\n\n# Two\n\ntext\n", "my_notes.md").title == "my notes"


def test_footnotes_and_pictures():
    document = read("See it[^1] and ![a red pump](p.png).\n\n[^1]: The note.\n")
    assert "a red pump" in document.text
    assert "The note." in document.text
