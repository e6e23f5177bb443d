"""Plain text."""

from tests.support.parsing import parse_here, texts

WRAPPED = "This is the first paragraph of the text, which somebody wrapped"


def read(text):
    return parse_here(text.encode(), "a.txt")


def test_paragraphs_and_wrapped_lines():
    document = read(
        f"{WRAPPED}\n"
        "at about seventy characters, as mail programs and editors do it\n"
        "when they are told to.\n\n"
        "Second paragraph.\n"
    )
    assert texts(document) == [
        f"{WRAPPED} at about seventy characters, as mail programs and editors do it when they are told to.",
        "Second paragraph.",
    ]


def test_lines_that_were_ended_on_purpose_stay_apart():
    assert texts(read("Ann Smith\n12 Main Street\nSpringfield\n")) == [
        "Ann Smith",
        "12 Main Street",
        "Springfield",
    ]


def test_lists_and_headings():
    document = read(
        "Report\n======\n\nPoints:\n- first point\n  goes on\n- second\n1. one\n\nDetails\n-------\n\nMore."
    )
    assert texts(document, "heading") == ["Report", "Details"]
    assert texts(document, "list_item") == ["first point goes on", "second", "1. one"]
    assert document.blocks[-1].heading_path == ("Report", "Details")


def test_capital_lines_that_stand_alone_are_headings():
    document = read("CHAPTER ONE\n\nIt was a dark night.\n\nTHE END OF IT\n\nWell.\n\nNO!\n")
    assert texts(document, "heading") == ["CHAPTER ONE", "THE END OF IT"]


def test_nothing_is_lost():
    raw = "a\n\n\n b  c\n\td\n\n- e\nf\x0cg"
    assert sorted("".join(read(raw).text.split())) == sorted("abcdefg")
