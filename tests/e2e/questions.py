"""One question about each real document: the file and place the answer must cite, and words it must hold.

`place` is the page, slide or sheet (counted from 1), `None` where the format has none or any will do.
`words` must all stand in the cited evidence or the answer.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Expected:
    """A question and what its answer must rest on; `files` are equally right."""

    files: tuple[str, ...]
    question: str
    words: tuple[str, ...]
    place: int | None = None


QUESTIONS = [
    Expected(("docling__multi_page.pdf",), "Who patented the typewriter in 1868?", ("Sholes",), 1),
    Expected(
        ("docling__multi_page.pdf",),
        "Which tool focuses on precise formatting for complex mathematical equations?",
        ("LaTeX",),
        3,
    ),
    Expected(
        ("docling__normal_4pages.pdf",),
        "세계보건기구(WHO)는 언제 코로나-19 세계적 유행(Pandemic)을 선언하였나?",
        ("3.11",),
        1,
    ),
    Expected(
        ("docling__right_to_left_01.pdf",),
        "ما هي ميزات البرمجة بلغة R و Python لتحليل البيانات؟",
        ("Python",),
        1,
    ),
    Expected(
        ("docling__code_and_formula.pdf",),
        "Which function adds a and b in the JavaScript program?",
        ("return a + b",),
        1,
    ),
    Expected(
        ("unstructured__layout-parser-paper-fast.pdf",),
        "Which models are notoriously convoluted for reuse and extension?",
        ("DL models",),
        2,
    ),
    Expected(
        ("unstructured__list-item-example.pdf",),
        "What does module one on product development and quality assurance introduce?",
        ("quality assurance",),
        1,
    ),
    Expected(
        ("markitdown__test.pdf",),
        "What intuitive approach scales up the power of agents?",
        ("multiple agents",),
        1,
    ),
    Expected(
        ("sample-files__GeoTopo-komprimiert.pdf",),
        "Wann ist eine Teilmenge von R^n kompakt (Satz von Heine-Borel)?",
        ("beschränkt", "abgeschlossen"),
        21,
    ),
    Expected(
        ("sample-files__GeoTopo-komprimiert.pdf",),
        "Von wem wurde dieses Skript im Wintersemester 2013/2014 geschrieben?",
        ("Martin Thoma",),
        2,
    ),
    Expected(
        ("sample-files__multicolumn.pdf",),
        "What is the abstract of the Two-Column Document with Lorem Ipsum?",
        ("two columns",),
        1,
    ),
    Expected(
        ("sample-files__pdflatex-4-pages.pdf",),
        "What should a blind text like 'Huardest gefburn' contain?",
        ("letters of the alphabet",),
    ),
    Expected(("sample-files__habibi.pdf",), "habibi", ("habibi",), 1),
    Expected(
        ("docling__word_sample.docx",),
        "How many calories per portion do berries such as blueberry, strawberry and cranberry have?",
        ("150",),
    ),
    Expected(
        ("docling__word_tables.docx",),
        "What is in the merged cell 1.1 1.2 of the table with horizontal spans?",
        ("Merged",),
    ),
    Expected(
        ("docling__docx_lists.docx",), "What did the wooden bench near the willow still hold?", ("newspaper",)
    ),
    Expected(("docling__equations.docx",), "Which formula is the Pythagorean theorem?", ("Pythagorean",)),
    Expected(("docling__docx_comments.docx",), "Which paragraph has no comments attached to it?", ("third",)),
    Expected(
        ("docling__docx_page_header_footer_first_page.docx",),
        "What should page 1 show when different first page header footer is enabled?",
        ("first-page",),
    ),
    Expected(("unstructured__docx-hdrftr.docx",), "Main document", ("Main document",)),
    Expected(
        ("unstructured__handbook-1p.docx",),
        "Who appoints and supervises standing trustees?",
        ("United States Trustee",),
    ),
    Expected(("markitdown__test.docx",), "What is AutoGen?", ("open-source framework",)),
    Expected(("docling__powerpoint_comments.pptx",), "How do I install Docling?", ("package manager",), 2),
    Expected(
        ("docling__powerpoint_sample.pptx",),
        "What does the rectangle shape on the second slide say?",
        ("inside",),
        2,
    ),
    Expected(
        ("unstructured__fake-power-point-table.pptx",),
        "Which colours are in the row of tangerine?",
        ("Aqua",),
        1,
    ),
    Expected(
        ("unstructured__science-exploration-1p.pptx",),
        "Which code is the Astrophysics Science Division?",
        ("660",),
        1,
    ),
    Expected(
        ("docling__xlsx_01.xlsx", "docling__xlsx_04_inflated.xlsx"),
        "In the row where first is 6, what is the value of third?",
        ("-6",),
        1,
    ),
    Expected(
        ("docling__xlsx_06_edge_cases_.xlsx",), "What types of data will the AI process?", ("code data",)
    ),
    Expected(
        ("unstructured__2023-half-year-analyses-by-segment.xlsx",),
        "What were the sales of Zone NA in January–June 2023 in millions of CHF?",
        ("12,553",),
        1,
    ),
    Expected(("docling__formatting.html",), "How is water written using sub?", ("Water",)),
    Expected(("docling__wiki_duck.html",), "Which predators catch ducks in flight?", ("peregrine falcon",)),
    Expected(
        ("markitdown__test_wikipedia.html",), "When did Microsoft begin to offer a dividend?", ("2003",)
    ),
    Expected(
        ("unstructured__example-10k-1p.html",),
        "What is the commission file number of Galaxy Gaming, Inc.?",
        ("000-30653",),
    ),
    Expected(
        ("unstructured__example-with-scripts.html",),
        "What did the IAEA announce about the Zaporizhzhia Nuclear Power Plant on December 13?",
        ("progress",),
    ),
    Expected(
        ("unstructured__ideas-page.html",),
        "Where is the best place to look for new ideas?",
        ("frontiers of knowledge",),
    ),
    Expected(("docling__wiki.md",), "When was IBM founded?", ("1911",)),
    Expected(("docling__nested.md",), "Which list features nesting?", ("abc",)),
    Expected(
        ("unstructured__README.md",),
        "Which sample file is a 10-K SEC filing in HTML format?",
        ("example-10k.html",),
    ),
    Expected(("unstructured__codeblock.md",), "Who is the note with the heading Reminder to?", ("Tove",)),
    Expected(("markitdown__test_mskanji.csv",), "三木英子の住所はどこですか", ("大阪",)),
    Expected(
        ("unstructured__fake-email-attachment.eml",),
        "What does the fake attachment say?",
        ("fake attachment",),
    ),
]

UNREADABLE = {
    "docling__2206.01062_pg3.pdf": "password",
    "unstructured__password.pdf": "password",
    "unstructured__loremipsum-flat.pdf": "text",
    "python-docx__having-images.docx": "text",
    "python-docx__tbl-having-tables.docx": "text",
}
"""Files without readable text, and a word that their reason must hold."""
