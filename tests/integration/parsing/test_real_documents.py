"""What real documents are known to say, and where; and that no chunk of them breaks a promise.

The documents lie beside the checkout (their licences forbid nothing, but they are no part of it).
"""

from pathlib import Path

import pytest

from footnote.knowledge.chunking import chunk
from footnote.knowledge.parsing import Sandbox, errors
from footnote.knowledge.tokens import count_tokens
from footnote.platform.settings import IngestionSettings

DOCUMENTS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "documents"
LIMITS = IngestionSettings()

pytestmark = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason="the real documents are not beside the checkout"
)

UNREADABLE = {
    "docling__2206.01062_pg3.pdf": (errors.Encrypted, "password"),
    "unstructured__password.pdf": (errors.Encrypted, "password"),
    "unstructured__loremipsum-flat.pdf": (errors.Scanned, "page 1"),
    "python-docx__having-images.docx": (errors.Empty, "pictures"),
    "python-docx__tbl-having-tables.docx": (errors.Empty, "no text"),
}

# File: (words of one block, unit, last heading) of what a reader finds there.
EXPECTED = {
    "docling__code_and_formula.pdf": [
        ("Listing 1: Simple JavaScript Program", 1, "JavaScript Code Example"),
        ("volutpat", 2, "Formula"),
    ],
    "docling__docx_comments.docx": [
        (
            "Comment by John Reviewer: This is a sample reviewer comment on the first paragraph.",
            None,
            "Document with Comments",
        ),
        ("Another comment by a different reviewer.", None, "Document with Comments"),
    ],
    "docling__docx_lists.docx": [
        ("1.1 Morning Walk", None, "Test 9: List continuity with non-empty text"),
        ("3. Third item with numId 2", None, "Test 7:"),
        ("quiet pond where ducks drifted", None, "Test 9: List continuity with non-empty text"),
    ],
    "docling__docx_page_header_footer_first_page.docx": [
        ("FIRST PAGE HEADER", None, None),
        ("This is body text on page 2.", None, "Page 2"),
        ("REGULAR FOOTER", None, None),
    ],
    "docling__equations.docx": [("A=πr^2 is the area formula", None, None), ("a^2+b^2=c^2", None, None)],
    "docling__formatting.html": [("Water is written as H2O", None, "HTML Text Formatting Examples")],
    "docling__multi_page.pdf": [
        ("Patented in 1868 by Christopher Latham Sholes", 1, "Pre-Digital Era (19th - Early 20th Century)"),
        ("Google Docs (2006)", 2, "The Modern Era (1990s - Present)"),
        ("Final Draft and Celtx", 3, "Specialized Word Processing Tools"),
        ("self-publishing", 4, "The Cultural Impact of Word Processors"),
    ],
    "docling__nested.md": [("abc12345", None, "Nesting"), ("Second item with subitems", None, "Nesting")],
    "docling__normal_4pages.pdf": [
        ("코로나바이러스감염증-19(COVID-19", 1, "1 들어가며"),
        ("지금까지 이 글에서 코로나-19와 관련하여", 4, "5 맺으며"),
    ],
    "docling__powerpoint_comments.pptx": [
        ("Comment by John Reviewer: This is a sample reviewer comment", 1, "Test Slide With Comments"),
        ("Install Docling as a Python library", 2, "Start"),
    ],
    "docling__powerpoint_sample.pptx": [
        ("Class1 A merged with B: True", 1, "Test Table Slide"),
        ("Notes: Some notes on the second slide.", 2, "Second slide title"),
    ],
    "docling__right_to_left_01.pdf": [
        ("تحسين الإنتاجية وحل المشكلات من خلال البرمجة بلغة R وPython", 1, None),
        (
            "على استنتاجات قائمة على البيانات",
            1,
            "تحسين الإنتاجية وحل المشكلات من خلال البرمجة بلغة R وPython",
        ),
    ],
    "docling__wiki.md": [("In 1961, IBM developed the SABRE reservation system", None, "1960s–1980s")],
    "docling__wiki_duck.html": [
        ("Duck is the common name for numerous species of waterfowl", None, None),
        ("Family: Anatidae", None, None),
        ("The word duck comes from Old English", None, "Etymology"),
    ],
    "docling__word_sample.docx": [
        ("Berries; Food: Blueberry, Strawberry, Cranberry; Calories per portion: 150", None, "Let’s eat"),
        ("2. Don’t forget to drink water", None, "Let’s swim!"),
    ],
    "docling__word_tables.docx": [
        ("Header 0.0: Cell 1.0; Header 0.1: Merged Cell 1.1 1.2", None, "Test with tables")
    ],
    "docling__xlsx_01.xlsx": [
        ("first: 1; second: 5; third: 9", 1, None),
        ("col-1: 8; col-2: 16; col-3: 24; col-4: 32", 2, None),
        ("first: 1; header second: 2; header third: 3", 3, None),
    ],
    "docling__xlsx_04_inflated.xlsx": [("first: 6; second: 0; third: -6", 1, None)],
    "docling__xlsx_06_edge_cases_.xlsx": [
        ("Question: What is the main objective?; Answer: The main objective is...", 1, None),
    ],
    "markitdown__test.docx": [
        ("AutoGen is an open-source framework", None, "Abstract"),
        ("49e168b7-d2ae-407f-a055-2167576f39a1", None, "d666f1f7-46cb-42bd-9a39-9a39cf2a509f"),
    ],
    "markitdown__test.pdf": [
        (
            "because chat-optimized LLMs (e.g., GPT-4) show the ability to incorporate feedback",
            1,
            "1 Introduction",
        ),
    ],
    "markitdown__test_mskanji.csv": [("名前: 髙橋淳; 年齢: 35; 住所: 名古屋", None, None)],
    "markitdown__test_wikipedia.html": [
        ("Founders: Bill Gates, Paul Allen", None, None),
        ("On August 23, 2012, Microsoft unveiled a new corporate logo", None, "Logo"),
    ],
    "sample-files__GeoTopo-komprimiert.pdf": [
        ("Dieses Skript wurde im Wintersemester 2013/2014 von Martin Thoma geschrieben.", 2, "Vorwort"),
        ("Ein topologischer Raum ist ein Paar", 6, "1.1 Topologische Räume"),
    ],
    "sample-files__habibi.pdf": [("حَبيبي", 1, None), ("habibi", 1, None)],
    "sample-files__multicolumn.pdf": [
        ("Lorem ipsum dolor sit amet, consectetuer adipiscing elit.", 1, "Abstract"),
        (
            "Country: Belgium; Population (millions): 11.5; Area (km2 ): 30,689; Capital: Brussels",
            3,
            "Abstract",
        ),
    ],
    "sample-files__pdflatex-4-pages.pdf": [("Hello, here is some text without a meaning.", 4, None)],
    "sample-files__with-attachment.pdf": [("Lorem ipsum dolor sit amet, consetetur sadipscing", 1, None)],
    "unstructured__2023-half-year-analyses-by-segment.xlsx": [
        (
            "In millions of CHF: Zone NA; Sales (a): 12,553; Underlying Trading operating profit (b): 2,713",
            1,
            "January–June 2023",
        ),
        ("In millions of CHF: Zone NA; Sales (a): 12,138", 1, "January–June 2022"),
        ("In millions of CHF: PetCare; Sales: 9,373", 3, "January–June 2023"),
        ("January–June 2023: 7,904; January–June 2022: 7,683", 5, None),
    ],
    "unstructured__README.md": [
        ("example-10k.html - A 10-K SEC filing in HTML format", None, "Example Docs")
    ],
    "unstructured__codeblock.md": [("<h1>Hello, World!</h1>", None, "HTML Example")],
    "unstructured__docx-hdrftr.docx": [("First header para", None, None), ("Main document", None, None)],
    "unstructured__example-10k-1p.html": [
        ("Title of each class: Common stock; Trading symbol: GLXZ", None, None),
        ("23,718,968 common shares as of March 28, 2022", None, None),
    ],
    "unstructured__example-with-scripts.html": [
        (
            "Russian forces made marginal advances within Bakhmut",
            None,
            "Russian Offensive Campaign Assessment, December 13",
        ),
    ],
    "unstructured__fake-email-attachment.eml": [
        ("Subject: Fake email with attachment", None, None),
        ("and is a quick read", None, None),
        ("Hey this is a fake attachment!", None, "fake-attachment.txt"),
    ],
    "unstructured__fake-power-point-table.pptx": [
        ("Column 1: Purple; Column 2: Orange; Column 3: Yellow", 1, "A Slide with a Table"),
    ],
    "unstructured__handbook-1p.docx": [
        ("appoints and supervises standing trustees", None, "A. PURPOSE"),
        (
            "The standing trustee has a fiduciary responsibility",
            None,
            "C. STATUTORY DUTIES OF A STANDING TRUSTEE",
        ),
    ],
    "unstructured__ideas-page.html": [("The way to get new ideas is to notice anomalies", None, None)],
    "unstructured__layout-parser-paper-fast.pdf": [
        (
            "This paper introduces LayoutParser, an open-source library for streamlining the usage of DL",
            1,
            "LayoutParser: A Unified Toolkit for Deep Learning Based Document Image Analysis",
        ),
        ("A rich repository of pre-trained neural network models (Model Zoo)", 2, "1 Introduction"),
    ],
    "unstructured__list-item-example.pdf": [
        (
            "Intellectual property considerations",
            2,
            "Module Two: Initial Planning and Step 1: Concept Development",
        ),
        ("The role of the design team", 1, "Module Three: Step 2: Design and Prototyping"),
    ],
    "unstructured__science-exploration-1p.pptx": [("Code 670: Heliophysics Science Division", 1, None)],
}
LANGUAGES = {
    "docling__normal_4pages.pdf": "ko",
    "docling__right_to_left_01.pdf": "ar",
    "sample-files__GeoTopo-komprimiert.pdf": "de",
    "docling__multi_page.pdf": "en",
    "unstructured__handbook-1p.docx": "en",
}


@pytest.fixture(scope="module")
def library():
    """All documents, parsed once, as the ingestion does it: a document or the error by file name."""
    box, parsed = Sandbox(), {}
    for path in sorted(DOCUMENTS.iterdir()):
        if path.name == "README.md":
            continue
        try:
            parsed[path.name] = box.parse_blocking(path, path.name, LIMITS)
        except errors.Unreadable as error:
            parsed[path.name] = error
    yield parsed
    box.close()


def test_every_file_is_accounted_for(library):
    assert set(library) == set(UNREADABLE) | set(EXPECTED)


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_unreadable_files_say_why(library, name):
    kind, words = UNREADABLE[name]
    assert isinstance(library[name], kind)
    assert words in library[name].reason
    assert not library[name].quarantine


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_readable_files_say_what_they_say_where_they_say_it(library, name):
    document = library[name]
    assert not isinstance(document, Exception), document
    for words, unit, heading in EXPECTED[name]:
        places = [
            (block.unit, block.heading_path[-1] if block.heading_path else None)
            for block in document.blocks
            if words in document.text[block.start : block.end]
        ]
        assert places, f"{words!r} is not there"
        assert any(unit == place[0] and (heading is None or heading == place[1]) for place in places), (
            f"{words!r} is at {places}"
        )


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_canonical_text_and_chunks_keep_their_promises(library, name):
    document = library[name]
    text = document.text
    assert "\0" not in text
    assert text == text.strip()
    chunks = chunk(document, LIMITS)
    covered = bytearray(len(text))
    for draft in chunks:
        assert draft.text == text[draft.start : draft.end]
        assert draft.embedding_text.endswith(draft.text)
        assert draft.token_count == count_tokens(draft.embedding_text) <= LIMITS.chunk_max_tokens
        covered[draft.start : draft.end] = b"\1" * (draft.end - draft.start)
        if document.unit_kind:
            assert draft.unit_from is not None
            assert draft.unit_to - draft.unit_from <= 1
    for block in document.blocks:
        assert all(covered[i] or text[i].isspace() for i in range(block.start, block.end))


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_languages(library, name):
    assert library[name].language == LANGUAGES[name]


def test_pages_are_counted(library):
    book = library["sample-files__GeoTopo-komprimiert.pdf"]
    assert (book.unit_kind, book.units_total, book.units_read) == ("page", 117, 117)
    assert book.title == "Geometrie und Topologie"


def test_nothing_of_the_markup_is_left(library):
    for name, document in library.items():
        if name.endswith(".html"):
            assert "<div" not in document.text
            assert "function(" not in document.text
            assert "{display:" not in document.text


def test_what_was_left_out_is_said(library):
    assert "Sheet4" in library["docling__xlsx_01.xlsx"].warnings[0]
    assert "image.png" in library["sample-files__with-attachment.pdf"].warnings[0]
