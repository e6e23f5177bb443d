"""Small documents of every format, made on the spot: what a test needs is written where it is tested."""

import io
import zipfile
from xml.sax.saxutils import escape

CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
)
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    f'xmlns:r="{_OFFICE}"'
)


def archive(parts):
    """A ZIP file of names and contents."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return stream.getvalue()


def relationships(*entries):
    """A part of relationships: (id, kind, target)."""
    rows = "".join(
        f'<Relationship Id="{identifier}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for identifier, kind, target in entries
    )
    return f'<?xml version="1.0"?><Relationships xmlns="{_RELATIONSHIPS}">{rows}</Relationships>'


def paragraph(text="", style="", extra="", run=""):
    """A Word paragraph."""
    properties = (f'<w:pStyle w:val="{style}"/>' if style else "") + extra
    body = f'<w:r><w:rPr>{run}</w:rPr><w:t xml:space="preserve">{escape(text)}</w:t></w:r>' if text else ""
    return f"<w:p><w:pPr>{properties}</w:pPr>{body}</w:p>"


def docx(body, *, parts=None, related=()):
    """A Word document with the given body XML; `related` are further relationships of the main part."""
    document = f'<?xml version="1.0"?><w:document {_NAMESPACES}><w:body>{body}</w:body></w:document>'
    return archive(
        {
            "[Content_Types].xml": CONTENT_TYPES,
            "_rels/.rels": relationships(("rId1", "officeDocument", "word/document.xml")),
            "word/document.xml": document,
            "word/_rels/document.xml.rels": relationships(*related),
            **(parts or {}),
        }
    )


def word_part(root, body):
    """Another part of a Word document, such as `footnotes`."""
    return f'<?xml version="1.0"?><w:{root} {_NAMESPACES}>{body}</w:{root}>'


def shape(text, *, placeholder="", y=None):
    """A shape of a slide; lines of the text become paragraphs."""
    kind = f'<p:nvPr><p:ph type="{placeholder}"/></p:nvPr>' if placeholder else "<p:nvPr/>"
    place = f'<p:spPr><a:xfrm><a:off x="0" y="{y}"/></a:xfrm></p:spPr>' if y is not None else "<p:spPr/>"
    rows = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in text.split("\n"))
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="s"/><p:cNvSpPr/>{kind}</p:nvSpPr>{place}'
        f"<p:txBody>{rows}</p:txBody></p:sp>"
    )


def group(*shapes):
    """Shapes in a group."""
    return f"<p:grpSp><p:nvGrpSpPr/><p:grpSpPr/>{''.join(shapes)}</p:grpSp>"


def slide_xml(*shapes, hidden=False):
    """The part of a slide."""
    show = ' show="0"' if hidden else ""
    return (
        f'<?xml version="1.0"?><p:sld {_NAMESPACES}{show}><p:cSld><p:spTree>{"".join(shapes)}</p:spTree>'
        "</p:cSld></p:sld>"
    )


def pptx(slides, *, notes=None):
    """A presentation of slide parts; `notes` by slide number."""
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in numbers)
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": relationships(("rId1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": (
            f'<?xml version="1.0"?><p:presentation {_NAMESPACES}><p:sldIdLst>{listed}</p:sldIdLst>'
            "</p:presentation>"
        ),
        "ppt/_rels/presentation.xml.rels": relationships(
            *((f"rId{n}", "slide", f"slides/slide{n}.xml") for n in numbers)
        ),
    }
    for number, xml in zip(numbers, slides, strict=True):
        parts[f"ppt/slides/slide{number}.xml"] = xml
        if notes and number in notes:
            parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = relationships(
                ("rId1", "notesSlide", f"../notesSlides/notesSlide{number}.xml")
            )
            parts[f"ppt/notesSlides/notesSlide{number}.xml"] = slide_xml(
                shape(notes[number], placeholder="body")
            )
    return archive(parts)


def cell(reference, value, *, kind="n", style="", formula=""):
    """A cell of a worksheet; `value` may be `None`."""
    inner = (f"<f>{formula}</f>" if formula else "") + (
        "" if value is None else f"<v>{escape(str(value))}</v>"
    )
    if kind == "inlineStr":
        inner = f"<is><t>{escape(value)}</t></is>"
    marks = (f' t="{kind}"' if kind != "n" else "") + (f' s="{style}"' if style else "")
    return f'<c r="{reference}"{marks}>{inner}</c>'


def rows(*lines, first=1):
    """Rows of a worksheet out of Python values: strings inline, numbers as numbers, `None` as gaps."""
    out = []
    for number, line in enumerate(lines, start=first):
        cells = []
        for index, value in enumerate(line):
            reference = f"{chr(ord('A') + index)}{number}"
            if isinstance(value, str):
                cells.append(cell(reference, value, kind="inlineStr"))
            elif value is not None:
                cells.append(cell(reference, value))
        if cells:
            out.append(f'<row r="{number}">{"".join(cells)}</row>')
    return "".join(out)


def sheet_xml(data, *, dimension="A1", merged=()):
    """The part of a worksheet."""
    areas = "".join(f'<mergeCell ref="{area}"/>' for area in merged)
    return (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="{dimension}"/><sheetData>{data}</sheetData><mergeCells>{areas}</mergeCells>'
        "</worksheet>"
    )


def xlsx(sheets, *, formats=(), states=None, base_1904=False):
    """A workbook: sheet parts by name; `formats` are number format codes, styles count from 0."""
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="rId{n}" '
        f'state="{(states or {}).get(name, "visible")}"/>'
        for n, name in enumerate(names, start=1)
    )
    codes = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
        for n, code in enumerate(formats)
    )
    cells = "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(formats)))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts = {
        "[Content_Types].xml": CONTENT_TYPES,
        "_rels/.rels": relationships(("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": (
            f'<?xml version="1.0"?><workbook xmlns="{main}" xmlns:r="{_OFFICE}">'
            f'<workbookPr date1904="{int(base_1904)}"/><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": relationships(
            *((f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)),
            ("rIdS", "styles", "styles.xml"),
        ),
        "xl/styles.xml": (
            f'<?xml version="1.0"?><styleSheet xmlns="{main}"><numFmts>{codes}</numFmts>'
            f"<cellXfs>{cells}</cellXfs></styleSheet>"
        ),
    }
    for number, name in enumerate(names, start=1):
        parts[f"xl/worksheets/sheet{number}.xml"] = sheets[name]
    return archive(parts)


def pdf(pages, *, title="", size=(595, 842)):
    """A PDF; each page is a list of (x, y, font size, text) or (x, y, font size, text, bold)."""
    objects = [
        b"",
        b"",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>",
    ]
    kids = []
    for lines in pages:
        stream = b"".join(_line(*line) for line in lines)
        objects.append(b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream))
        content = len(objects)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>"
            b"/Contents %d 0 R>>" % (*size, content)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[0] = b"<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(kids), b" ".join(kids))
    objects.append(b"<</Title(%b)>>" % title.encode("latin-1"))
    out = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return (
        out + b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R/Info %d 0 R>>\n"
        b"startxref\n%d\n%%%%EOF"
        % (
            len(objects) + 1,
            table,
            len(objects) + 1,
            len(objects),
            len(out),
        )
    )


def _line(x, y, size, text, bold=False):
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").encode("cp1252")
    return b"BT /F%d %d Tf 1 0 0 1 %d %d Tm (%b) Tj ET\n" % (2 if bold else 1, size, x, y, escaped)


def wrapped(text, *, x=72, top=760, size=11, width=80):
    """Lines of a paragraph for `pdf`, wrapped at `width` characters."""
    lines, current = [], ""
    for word in text.split():
        if len(current) + len(word) + 1 > width:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}".strip()
    lines.append(current)
    return [(x, top - number * size * 1.25, size, line) for number, line in enumerate(lines)]
