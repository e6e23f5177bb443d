"""Presentations, slide by slide."""

import pytest

from footnote.knowledge.parsing.errors import Broken, Oversized
from tests.support.documents import archive, group, pptx, shape, slide_xml
from tests.support.parsing import block_with, parse_here, texts

TABLE = (
    '<p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tblPr firstRow="1"/>'
    + "".join(
        "<a:tr>"
        + "".join(
            f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in row
        )
        + "</a:tr>"
        for row in (("Part", "Price"), ("Pump", "40"))
    )
    + "</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
)


def read(*slides, **options):
    return parse_here(pptx(list(slides), **options), "talk.pptx")


def test_slides_are_counted_and_titled():
    document = read(
        slide_xml(
            shape("Body first\nSecond line", placeholder="body"), shape("Overview", placeholder="title")
        ),
        slide_xml(shape("Details", placeholder="ctrTitle"), shape("Only this.")),
    )
    assert document.title == "Overview"
    assert (document.unit_kind, document.units_total, document.units_read) == ("slide", 2, 2)
    assert texts(document)[:3] == ["Overview", "Body first", "Second line"]
    block = block_with(document, "Only this.")
    assert (block.unit, block.unit_label, block.heading_path) == (2, "Details", ("Details",))


def test_groups_tables_and_notes():
    document = read(
        slide_xml(shape("T", placeholder="title"), group(shape("In a group"), group(shape("Deeper"))), TABLE),
        notes={1: "Say it slowly."},
    )
    assert texts(document) == ["T", "In a group", "Deeper", "Part: Pump; Price: 40", "Notes: Say it slowly."]


def test_dates_footers_and_numbers_of_slides_are_no_text():
    document = read(
        slide_xml(*(shape("12", placeholder=kind) for kind in ("dt", "ftr", "sldNum")), shape("Real."))
    )
    assert document.text == "Real."


def test_an_unmarked_title_is_the_text_on_top():
    document = read(slide_xml(shape("Body text here.", y=900), shape("The Title", y=10)))
    assert document.title == "The Title"


def test_hidden_slides_are_named_and_not_read():
    document = read(
        slide_xml(shape("Seen.")), slide_xml(shape("Secret."), hidden=True), slide_xml(shape("End."))
    )
    assert "Secret" not in document.text
    assert document.warnings == ("Hidden slides were not read: 2.",)
    assert block_with(document, "End.").unit == 3


def test_slides_come_in_the_order_of_the_show():
    data = pptx([slide_xml(shape("first")), slide_xml(shape("second"))])
    assert [block.unit for block in parse_here(data, "a.pptx").blocks] == [1, 2]


def test_a_damaged_slide_does_not_spoil_the_others():
    document = read(slide_xml(shape("Good.")), "not xml at all")
    assert document.text == "Good."
    assert "Slide 2 is damaged" in document.warnings[0]


def test_limits():
    slides = [slide_xml(shape("x"))] * 3
    with pytest.raises(Oversized, match="slides"):
        parse_here(pptx(slides), "a.pptx", max_pages=2)
    with pytest.raises(Broken):
        parse_here(archive({"ppt/presentation.xml": "<p/>"}), "a.pptx")
