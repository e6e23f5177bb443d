"""PDF: pages, paragraphs, headings, and what cannot be read."""

import io

import pypdf
import pytest
from pypdf.generic import ArrayObject, DictionaryObject, FloatObject, NameObject, TextStringObject

from footnote.knowledge.parsing.errors import Broken, Encrypted, Oversized, Scanned
from tests.support.documents import docx, paragraph, pdf, wrapped
from tests.support.parsing import block_with, parse_here, texts

STORY = (
    "The pump was built in a small town near the coast and has been running since then without a "
    "single pause, which nobody in the village would have believed when it was first switched on by the "
    "mayor herself."
)


def read(pages, **options):
    return parse_here(pdf(pages, **options), "report.pdf")


def rewritten(data, change):
    """A PDF after a change made by pypdf."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    change(writer)
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_wrapped_lines_are_paragraphs_of_their_page():
    document = read([wrapped(STORY), wrapped("Second page. " + STORY)])
    assert texts(document) == [STORY, f"Second page. {STORY}"]
    assert [block.unit for block in document.blocks] == [1, 2]
    assert (document.unit_kind, document.units_total, document.units_read) == ("page", 2, 2)


def test_larger_and_bold_lines_are_headings():
    page = [
        (72, 780, 20, "The Manual"),
        *wrapped(STORY, top=740),
        (72, 660, 11, "1.2 Care of the pump", True),
        *wrapped("Clean it. " + STORY, top=640),
    ]
    document = read([page])
    assert document.title == "The Manual"
    assert texts(document, "heading") == ["The Manual", "1.2 Care of the pump"]
    assert block_with(document, "Clean it.").heading_path[-1] == "1.2 Care of the pump"


def test_words_divided_at_line_ends_are_joined_and_compounds_keep_their_hyphen():
    page = [
        (72, 700, 11, "The engineers checked the instal-"),
        (72, 686, 11, "lation of the well-"),
        (72, 672, 11, "known pump and left the house before it was dark again."),
    ]
    assert read([page]).text.startswith("The engineers checked the installation of the well-known pump")


def test_what_repeats_above_and_below_is_kept_once():
    pages = [
        [(72, 810, 9, "ACME Annual Report"), *wrapped(f"Part {n}. {STORY}"), (290, 30, 9, f"Page {n} of 5")]
        for n in range(1, 6)
    ]
    document = read(pages)
    assert document.text.count("ACME Annual Report") == 1
    assert "of 5" not in document.text
    assert all(f"Part {n}." in document.text for n in range(1, 6))


def test_columns_are_read_one_after_the_other():
    left = wrapped(STORY, x=60, width=40, size=10)
    right = wrapped("Right column. " + STORY, x=320, width=40, size=10)
    assert texts(read([left + right])) == [STORY, f"Right column. {STORY}"]


def test_lists_and_rows_of_figures_stand_apart():
    page = [
        (72, 700, 11, "• first point"),
        (72, 686, 11, "• second point"),
        (72, 660, 11, "North 12 13 14"),
        (72, 646, 11, "South 15 16 17"),
    ]
    document = read([page])
    assert texts(document, "list_item") == ["first point", "second point"]
    assert texts(document, "table_row") == ["North 12 13 14", "South 15 16 17"]


def row(y, *cells, at=(72, 250, 400), size=11):
    return [(x, y, size, cell) for x, cell in zip(at, cells, strict=False) if cell]


def test_tables_are_put_together_and_name_their_columns():
    page = [
        *wrapped(STORY),
        *row(600, "Country", "People (millions)", "Capital"),
        *row(584, "Austria", "8.9", "Vienna"),
        *row(568, "Czech Republic", "10.7", "Prague"),
        *row(552, "Belgium", "11.5", "Brussels,"),
        *row(538, "", "", "de facto"),
        *row(520, "Finland", "5.5", "Helsinki"),
    ]
    assert texts(read([page]), "table_row") == [
        "Country: Austria; People (millions): 8.9; Capital: Vienna",
        "Country: Czech Republic; People (millions): 10.7; Capital: Prague",
        "Country: Belgium; People (millions): 11.5; Capital: Brussels, de facto",
        "Country: Finland; People (millions): 5.5; Capital: Helsinki",
    ]


def test_forms_of_two_columns_read_as_facts():
    page = [*row(600, "Invoice number", "2023-17"), *row(584, "Total amount", "1,250.00 EUR")]
    assert texts(read([page])) == ["Invoice number: 2023-17", "Total amount: 1,250.00 EUR"]


def test_columns_that_were_written_across_the_page_are_unfolded():
    left = wrapped(STORY, x=60, width=38, size=10)
    right = wrapped("Right column. " + STORY, x=330, width=38, size=10)
    across = [line for pair in zip(left, right, strict=False) for line in pair]
    across += right[len(left) :]
    document = read([across])
    assert document.text.startswith(STORY)
    assert f"Right column. {STORY}" in document.text


def test_contents_keep_their_lines():
    page = [(72, 700, 11, "1.1 Pumps" + " ." * 40 + " 7"), (72, 686, 11, "1.2 Tanks" + " ." * 40 + " 9")]
    assert texts(read([page])) == ["1.1 Pumps … 7", "1.2 Tanks … 9"]


def test_the_title_comes_from_the_properties_unless_a_program_made_it_up():
    assert read([wrapped(STORY)], title="Annual Report 2023").title == "Annual Report 2023"
    assert read([wrapped(STORY)], title="Microsoft Word - x.doc").title == "report"


def test_a_page_without_text_is_named():
    blank_with_lines = [(72, 700, 11, "")]
    data = pdf([wrapped(STORY), blank_with_lines, wrapped(STORY)])
    drawn = data.replace(b"BT /F1 11 Tf 1 0 0 1 72 700 Tm () Tj ET", b"0 0 m 100 100 l 200 0 l S           ")
    document = parse_here(drawn, "a.pdf")
    assert document.units_read == 2
    assert document.units_total == 3
    assert document.warnings == ("Without readable text, perhaps scanned: page 2.",)


def test_pages_without_any_text_are_scanned():
    data = pdf([[(72, 700, 11, "")]] * 2).replace(
        b"BT /F1 11 Tf 1 0 0 1 72 700 Tm () Tj ET", b"0 0 m 100 100 l 200 0 l S           "
    )
    with pytest.raises(Scanned, match="pages 1-2"):
        parse_here(data, "a.pdf")


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256"])
def test_a_password_is_asked_for(algorithm):
    data = rewritten(pdf([wrapped(STORY)]), lambda writer: writer.encrypt("secret", algorithm=algorithm))
    with pytest.raises(Encrypted, match="password"):
        parse_here(data, "a.pdf")


def test_protection_against_changes_only_does_not_stop_reading():
    data = rewritten(pdf([wrapped(STORY)]), lambda writer: writer.encrypt("", "owner", algorithm="RC4-128"))
    assert parse_here(data, "a.pdf").text == STORY


def test_attachments_are_read_or_named():
    def attach(writer):
        writer.add_attachment("annex.docx", docx(paragraph("The annex says so.")))
        writer.add_attachment("photo.png", b"\x89PNG\r\n\x1a\n")

    document = parse_here(rewritten(pdf([wrapped(STORY)]), attach), "a.pdf")
    block = block_with(document, "The annex says so.")
    assert (block.unit, block.heading_path) == (None, ("annex.docx",))
    assert "photo.png" in document.warnings[0]


def test_filled_form_fields_and_comments_are_text():
    def annotate(writer):
        page = writer.pages[0]
        stream = pypdf.generic.StreamObject()
        stream.set_data(b"BT /F1 11 Tf 2 5 Td (Filled by Ann) Tj ET")
        stream.update(
            {
                NameObject("/Type"): NameObject("/XObject"),
                NameObject("/Subtype"): NameObject("/Form"),
                NameObject("/BBox"): ArrayObject([FloatObject(v) for v in (0, 0, 200, 20)]),
                NameObject("/Resources"): page["/Resources"],
            }
        )
        appearance = writer._add_object(stream)
        rectangle = ArrayObject([FloatObject(v) for v in (72, 500, 272, 520)])
        widget = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Widget"),
                NameObject("/FT"): NameObject("/Tx"),
                NameObject("/T"): TextStringObject("name"),
                NameObject("/V"): TextStringObject("Filled by Ann"),
                NameObject("/Rect"): rectangle,
                NameObject("/F"): pypdf.generic.NumberObject(4),
                NameObject("/AP"): DictionaryObject({NameObject("/N"): appearance}),
            }
        )
        comment = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Text"),
                NameObject("/Contents"): TextStringObject("Check this."),
                NameObject("/T"): TextStringObject("Bob"),
                NameObject("/Rect"): rectangle,
            }
        )
        page[NameObject("/Annots")] = ArrayObject([writer._add_object(widget), writer._add_object(comment)])

    document = parse_here(rewritten(pdf([wrapped(STORY)]), annotate), "a.pdf")
    assert "Filled by Ann" in document.text
    assert texts(document, "note") == ["Comment by Bob: Check this."]


def test_bookmarks_name_the_headings():
    def mark(writer):
        chapter = writer.add_outline_item(title="Chapter One", page_number=0)
        writer.add_outline_item(title="A section", page_number=0, parent=chapter)

    page = [(72, 780, 11, "1 Chapter One"), (72, 740, 11, "1.1 A section"), *wrapped(STORY, top=700)]
    document = parse_here(rewritten(pdf([page]), mark), "a.pdf")
    assert block_with(document, "The pump").heading_path == ("1 Chapter One", "1.1 A section")


def test_text_that_no_reader_sees_is_left_out_and_counted():
    page = [*wrapped(STORY), (2_000, 700, 11, "Off the page"), (72, -300, 11, "Below it")]
    document = read([page])
    assert document.text == STORY
    assert document.removed_characters == 20


def unmapped(text, shift):
    """A PDF whose font gives glyph numbers only: each is the letter's code less `shift`."""
    code = "".join(f"{ord(letter) - shift:04x}" for letter in text)
    font = (
        b"<</Type/Font/Subtype/Type0/BaseFont/AAAAAA+Some/Encoding/Identity-H/DescendantFonts[<</Type/Font"
        b"/Subtype/CIDFontType2/BaseFont/AAAAAA+Some/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
        b"/Supplement 0>>/DW 500/FontDescriptor<</Type/FontDescriptor/FontName/AAAAAA+Some/Flags 4>>>>]>>"
    )
    data = pdf([[(72, 700, 11, "x")]])
    data = data.replace(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>", font)
    return data.replace(b"(x) Tj", b"<%b> Tj" % code.encode()).replace(b"/Length 40", b"/Length 4000")


def test_letters_are_had_back_from_glyph_numbers():
    words = "The pump of the house is in the garden and it was built by the mayor of the town"
    assert parse_here(unmapped(words, 29), "a.pdf").text == words


def test_glyph_numbers_that_make_no_sense_are_not_taken_for_text():
    words = "The pump of the house is in the garden and it was built by the mayor of the town"
    with pytest.raises(Scanned, match="which letters"):
        parse_here(unmapped(words, 11), "a.pdf")


def test_limits_and_damage():
    data = pdf([wrapped(STORY)] * 3)
    with pytest.raises(Oversized, match="3 pages"):
        parse_here(data, "a.pdf", max_pages=2)
    with pytest.raises(Oversized, match="characters"):
        parse_here(data, "a.pdf", max_characters=100)
    with pytest.raises(Broken):
        parse_here(b"%PDF-1.7\nnothing to see here", "a.pdf")


def test_a_damaged_cross_reference_table_is_no_obstacle():
    data = pdf([wrapped(STORY)]).replace(b"startxref\n", b"startxref\n99")
    assert parse_here(data, "a.pdf").text == STORY
