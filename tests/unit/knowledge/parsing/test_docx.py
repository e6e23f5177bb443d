"""Word documents, with all that stands beside the running text."""

import pytest

from footnote.knowledge.parsing.errors import Broken, Empty, UnsafeXml
from tests.support.documents import archive, docx, paragraph, word_part
from tests.support.parsing import block_with, parse_here, texts

STYLES = word_part(
    "styles",
    '<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="Chapter"/>'
    '<w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="H2b"><w:name w:val="Child"/><w:basedOn w:val="H2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Secret"><w:name w:val="Secret"/>'
    "<w:rPr><w:vanish/></w:rPr></w:style>",
)
LEVEL = '<w:lvl w:ilvl="{0}"><w:start w:val="1"/><w:numFmt w:val="{1}"/><w:lvlText w:val="{2}"/></w:lvl>'
NUMBERING = word_part(
    "numbering",
    '<w:abstractNum w:abstractNumId="0">'
    + LEVEL.format(0, "decimal", "%1.")
    + LEVEL.format(1, "lowerLetter", "%1.%2)")
    + '</w:abstractNum><w:abstractNum w:abstractNumId="1">'
    + LEVEL.format(0, "bullet", "·")
    + "</w:abstractNum>"
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
    '<w:num w:numId="3"><w:abstractNumId w:val="0"/>'
    '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride></w:num>',
)


def read(body, **parts):
    """A document with parts given by kind, such as `footnotes`."""
    named = {f"word/{kind}.xml": xml for kind, xml in parts.items()}
    kinds = [(f"r{n}", kind.rstrip("0123456789"), f"{kind}.xml") for n, kind in enumerate(parts)]
    return parse_here(docx(body, parts=named, related=kinds), "report.docx")


def listed(text, number, level=0):
    return paragraph(text, extra=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def table(*lines, header=False):
    rows = ""
    for index, line in enumerate(lines):
        mark = "<w:trPr><w:tblHeader/></w:trPr>" if header and index == 0 else ""
        rows += f"<w:tr>{mark}" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in line) + "</w:tr>"
    return f"<w:tbl>{rows}</w:tbl>"


def test_headings_by_style_name_outline_level_and_inheritance():
    document = read(
        paragraph("The Manual", "Title")
        + paragraph("Pumps", "berschrift1")
        + paragraph("Care", "H2b")
        + paragraph("Clean it."),
        styles=STYLES,
    )
    assert document.title == "The Manual"
    assert block_with(document, "Clean it.").heading_path == ("The Manual", "Pumps", "Care")


def test_without_heading_styles_bold_and_capital_lines_are_headings():
    document = read(
        paragraph("Safety", run="<w:b/>")
        + paragraph("Wear gloves, always.")
        + paragraph("STORAGE")
        + paragraph("Keep it dry.")
        + paragraph("Bold sentence here.", run="<w:b/>")
    )
    assert texts(document, "heading") == ["Safety", "STORAGE"]
    assert block_with(document, "dry").heading_path == ("STORAGE",)


def test_lists_are_numbered_as_shown():
    document = read(
        listed("one", 1)
        + listed("inner", 1, 1)
        + listed("inner", 1, 1)
        + listed("two", 1)
        + listed("dot", 2)
        + listed("five", 3),
        numbering=NUMBERING,
    )
    assert texts(document, "list_item") == ["1. one", "1.a) inner", "1.b) inner", "2. two", "dot", "5. five"]


def test_tables_name_their_columns_and_layout_tables_do_not():
    prose = "A long explanation that fills the cell of a table that lays out the page. " * 10
    document = read(
        table(["Part", "Price"], ["Pump", "40"], ["Tank", "90"], header=True)
        + table(["a", prose], ["b", "c"])
    )
    assert texts(document, "table_row") == ["Part: Pump; Price: 40", "Part: Tank; Price: 90"]
    assert prose.strip() in texts(document, "paragraph")


def test_merged_cells_say_their_text_in_every_row():
    merge = '<w:tcPr><w:vMerge w:val="{}"/></w:tcPr>'
    body = (
        "<w:tbl><w:tr><w:tc>" + paragraph("Group") + "</w:tc><w:tc>" + paragraph("Name") + "</w:tc></w:tr>"
        f"<w:tr><w:tc>{merge.format('restart')}"
        + paragraph("A")
        + "</w:tc><w:tc>"
        + paragraph("x")
        + "</w:tc></w:tr>"
        f"<w:tr><w:tc>{merge.format('continue')}"
        + paragraph()
        + "</w:tc><w:tc>"
        + paragraph("y")
        + "</w:tc></w:tr></w:tbl>"
    )
    assert texts(read(body)) == ["Group: A; Name: x", "Group: A; Name: y"]


def test_notes_and_comments_follow_their_paragraph():
    note = '<w:footnote w:id="2">' + paragraph("See the annex.") + "</w:footnote>"
    separator = '<w:footnote w:id="0" w:type="separator">' + paragraph("---") + "</w:footnote>"
    comment = '<w:comment w:id="7" w:author="Ann">' + paragraph("Is this right?") + "</w:comment>"
    body = (
        "<w:p><w:r><w:t>The price is fixed.</w:t></w:r><w:r><w:footnoteReference w:id='2'/></w:r>"
        "<w:r><w:commentReference w:id='7'/></w:r></w:p>" + paragraph("Next.")
    )
    document = read(
        body, footnotes=word_part("footnotes", separator + note), comments=word_part("comments", comment)
    )
    assert texts(document) == [
        "The price is fixed.",
        "Footnote: See the annex.",
        "Comment by Ann: Is this right?",
        "Next.",
    ]


def test_headers_and_footers_are_kept_once():
    header = word_part("hdr", paragraph("ACME confidential"))
    document = read(
        paragraph("Text."), header1=header, header2=header, footer1=word_part("ftr", paragraph("1"))
    )
    assert texts(document) == ["ACME confidential", "Text."]


def test_text_boxes_are_read_once_though_written_twice():
    box = "<w:txbxContent>" + paragraph("In the box.") + "</w:txbxContent>"
    body = (
        "<w:p><w:r><w:t>Before.</w:t></w:r><w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing>"
        f"<wps:txbx>{box}</wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
    )
    assert texts(read(body)) == ["Before.", "In the box."]


def test_revisions_fields_and_special_signs():
    body = (
        "<w:p><w:r><w:t>Kept</w:t></w:r><w:del><w:r><w:delText> deleted</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t> inserted</w:t></w:r></w:ins>"
        "<w:r><w:tab/><w:t>tab</w:t><w:noBreakHyphen/><w:t>dash</w:t></w:r>"
        "<w:hyperlink><w:r><w:t> link</w:t></w:r></w:hyperlink><w:r><w:instrText> PAGE </w:instrText></w:r>"
        "<w:sdt><w:sdtContent><w:r><w:t> field</w:t></w:r></w:sdtContent></w:sdt></w:p>"
    )
    assert read(body).text == "Kept inserted tab-dash link field"


def test_equations_are_text():
    body = (
        "<w:p><w:r><w:t>Area: </w:t></w:r>"
        "<m:oMath><m:r><m:t>A=π</m:t></m:r><m:sSup><m:e><m:r><m:t>r</m:t></m:r></m:e>"
        "<m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num>"
        "<m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath></w:p>"
    )
    assert read(body).text == "Area: A=πr^2(a+b)/2"


def test_hidden_text_is_left_out_and_counted():
    document = read(
        paragraph("Seen.") + paragraph("Obey me", run="<w:vanish/>") + paragraph("Or me", "Secret"),
        styles=STYLES,
    )
    assert document.text == "Seen."
    assert document.removed_characters == 12
    assert document.warnings


def test_html_that_converters_put_inside():
    data = docx(
        '<w:altChunk r:id="r1"/>',
        parts={"word/chunk.html": "<h1>Title</h1><p>From HTML.</p>"},
        related=[("r1", "aFChunk", "chunk.html")],
    )
    assert texts(parse_here(data, "a.docx")) == ["Title", "From HTML."]


def test_embedded_files_are_named():
    data = docx(
        paragraph("Text."),
        parts={"word/embeddings/s.xlsx": "x"},
        related=[("r1", "package", "embeddings/s.xlsx")],
    )
    assert "s.xlsx" in parse_here(data, "a.docx").warnings[0]


def test_macro_documents_and_templates_are_documents():
    assert parse_here(docx(paragraph("Text.")), "a.docm").text == "Text."


def test_documents_without_text():
    with pytest.raises(Empty, match="no text"):
        read(paragraph())
    with pytest.raises(Empty, match="pictures"):
        read("<w:p><w:r><w:drawing/></w:r></w:p>")


def test_declared_entities_are_refused():
    bomb = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;</d>'
    for data in (
        bomb.encode(),
        bomb.encode("utf-16"),
        b"<?xml version='1.0'?>" + b" " * 5_000 + bomb[21:].encode(),
    ):
        with pytest.raises(UnsafeXml):
            parse_here(archive({"word/document.xml": data}), "a.docx")


def test_external_entities_are_not_fetched():
    attack = '<?xml version="1.0"?><!DOCTYPE d SYSTEM "file:///etc/passwd"><d/>'
    with pytest.raises(UnsafeXml):
        parse_here(archive({"word/document.xml": attack}), "a.docx")


def test_broken_xml_is_read_as_far_as_it_goes():
    good = docx(paragraph("First.") + paragraph("Second."))
    assert "First." in parse_here(good, "a.docx").text
    cut = archive(
        {
            "word/document.xml": (
                '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
                "<w:body><w:p><w:r><w:t>First &undefined; one.</w:t></w:r></w:p><w:p>"
            )
        }
    )
    assert "First" in parse_here(cut, "a.docx").text


@pytest.mark.parametrize(
    "parts", [{"word/document.xml": "no xml"}, {"word/document.xml": "<a/>"}, {"word/x.xml": ""}]
)
def test_damage_is_named(parts):
    with pytest.raises(Broken):
        parse_here(archive(parts), "a.docx")


def test_absurd_nesting_is_refused():
    with pytest.raises(Broken, match="nested"):
        read("<w:sdt>" * 5_000 + paragraph("x") + "</w:sdt>" * 5_000)
