"""The invoice as a page that a person files. The same invoice gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from footnote.billing.invoices.fonts import BOLD, REGULAR, markup, register_fonts
from footnote.billing.invoices.models import InvoiceDocument, Line, Party

_INK = colors.HexColor("#1b2430")
_SOFT = colors.HexColor("#5f6b7a")
_RULE = colors.HexColor("#d5dae1")
_BAND = colors.HexColor("#f4f6f8")
_ACCENT = colors.HexColor("#1f4e79")
_MARGIN = 20 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_COLUMNS = (_WIDTH - 121 * mm, 50 * mm, 38 * mm, 33 * mm)
# An address of more lines is written as running text.
_ADDRESS_LINES = 10


def _style(
    size: float, colour: Any = _INK, *, bold: bool = False, right: bool = False, keep: bool = False
) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size}-{colour}-{bold}-{right}-{keep}",
        fontName=BOLD if bold else REGULAR,
        fontSize=size,
        leading=size * 1.4,
        textColor=colour,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=1,
        keepWithNext=keep,
    )


def render(document: InvoiceDocument) -> bytes:
    """The PDF file."""
    register_fonts()
    target = BytesIO()
    frame = Frame(_MARGIN, 24 * mm, _WIDTH, A4[1] - 46 * mm, 0, 0, 0, 0)
    template = BaseDocTemplate(
        target,
        pagesize=A4,
        title=f"Invoice {document.number}",
        author=document.seller.name,
        subject=f"{_date(document.period_start)} to {_date(document.period_end, last=True)}",
        creator="Footnote",
        invariant=1,
    )
    template.addPageTemplates(PageTemplate(frames=[frame], onPage=_band))
    template.build(list(_story(document)), canvasmaker=partial(_Pages, document=document))
    return target.getvalue()


class _Pages(Canvas):  # type: ignore[misc] # reportlab has no types
    """Writes below each page its number and how many there are, when all are known.

    Args:
        document: The invoice; the file is as old as it.
    """

    def __init__(self, *arguments: Any, document: InvoiceDocument, **options: Any) -> None:
        super().__init__(*arguments, **options)
        issued_at = document.issued_at.astimezone(UTC)
        self.setDateFormatter(lambda *_: issued_at.strftime("D:%Y%m%d%H%M%S+00'00'"))
        self._number = document.number
        self._finished: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        self._finished.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._finished, 1):
            self.__dict__.update(page)
            self._foot(f"Page {number} of {len(self._finished)}")
            super().showPage()
        super().save()

    def _foot(self, place: str) -> None:
        self.setStrokeColor(_RULE)
        self.line(_MARGIN, 18 * mm, A4[0] - _MARGIN, 18 * mm)
        self.setFillColor(_SOFT)
        self.setFont(REGULAR, 7)
        self.drawString(_MARGIN, 13.5 * mm, f"Invoice {self._number}")
        self.drawRightString(A4[0] - _MARGIN, 13.5 * mm, place)


def _band(canvas: Canvas, _: BaseDocTemplate) -> None:
    canvas.saveState()
    canvas.setFillColor(_ACCENT)
    canvas.rect(0, A4[1] - 5 * mm, A4[0], 5 * mm, stroke=0, fill=1)
    canvas.restoreState()


def _story(document: InvoiceDocument) -> Iterable[Flowable]:
    yield _head(document)
    yield Spacer(1, 9 * mm)
    yield _parties(document)
    yield Spacer(1, 9 * mm)
    yield _lines(document)
    yield Spacer(1, 3 * mm)
    yield KeepTogether(_totals(document))
    yield Spacer(1, 10 * mm)
    yield Paragraph("Payment", _style(8, _SOFT, bold=True, keep=True))
    yield Paragraph(markup(f"{document.payment_terms} Please quote {document.number}."), _style(9))
    yield Spacer(1, 6 * mm)
    yield Paragraph(_small_print(document), _style(6.5, _SOFT))


def _head(document: InvoiceDocument) -> Table:
    facts = [
        ("Number", document.number),
        ("Date of issue", _date(document.issued_at)),
        ("Due", _date(document.due_at, last=True)),
        ("Period", f"{_date(document.period_start)} – {_date(document.period_end, last=True)}"),
    ]
    right = Table(
        [
            [Paragraph(name, _style(8, _SOFT)), Paragraph(value, _style(8.5, right=True))]
            for name, value in facts
        ],
        colWidths=(26 * mm, 49 * mm),
        style=TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5)]),
    )
    left = [
        Paragraph("Invoice", _style(24, _ACCENT, bold=True)),
        Paragraph(markup(document.seller.name), _style(10, _SOFT)),
    ]
    return Table([[left, right]], colWidths=(_WIDTH - 75 * mm, 75 * mm), style=_plain())


def _parties(document: InvoiceDocument) -> Table:
    cells = [_party("From", document.seller), _party("Billed to", document.buyer)]
    # Whatever is written there, the cells go on to another page rather than fail.
    return Table([cells], colWidths=(_WIDTH / 2, _WIDTH / 2), style=_plain(), splitInRow=1)


def _party(title: str, party: Party) -> list[Paragraph]:
    address = party.address.splitlines()
    if len(address) > _ADDRESS_LINES:
        address = [", ".join(line.strip() for line in address if line.strip())]
    facts = [*address, f"Tax ID {party.tax_id}" if party.tax_id else "", party.email]
    return [
        Paragraph(title, _style(8, _SOFT, bold=True)),
        Paragraph(markup(party.name), _style(10, bold=True)),
        *(Paragraph(markup(fact), _style(9)) for fact in facts if fact),
    ]


def _lines(document: InvoiceDocument) -> Table:
    head = [
        Paragraph("Description", _style(8, colors.white, bold=True)),
        Paragraph("Period or price", _style(8, colors.white, bold=True)),
        Paragraph("Units", _style(8, colors.white, bold=True, right=True)),
        Paragraph(f"Amount ({document.currency})", _style(8, colors.white, bold=True, right=True)),
    ]
    style = TableStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), _ACCENT),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), (colors.white, _BAND)),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, _RULE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 3.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4.5),
        ]
    )
    return Table([head, *map(_row, document.lines)], colWidths=_COLUMNS, style=style, repeatRows=1)


def _row(line: Line) -> list[Any]:
    description = [Paragraph(markup(line.description), _style(9))]
    if line.plan:
        description.append(Paragraph(markup(line.plan), _style(7, _SOFT)))
    if line.late_units:
        late = f"{line.late_units:,} of the period before".replace("-", "−")
        description.append(Paragraph(late, _style(7, _SOFT)))
    is_usage = line.kind == "usage"
    about = _price(line) if is_usage else f"{_date(line.starts_at)} – {_date(line.ends_at, last=True)}"
    units = f"{line.units:,}".replace("-", "−") if line.units is not None else ""
    return [
        description,
        Paragraph(about, _style(8, _SOFT)),
        Paragraph(units, _style(9, right=True)),
        Paragraph(_money(line.amount_cents), _style(9, right=True)),
    ]


def _price(line: Line) -> str:
    if not line.price:
        return "part of the plan"
    return f"{line.price}, above {line.included:,}" if line.included else line.price


def _totals(document: InvoiceDocument) -> Table:
    rate = f"{document.tax_basis_points // 100}.{document.tax_basis_points % 100:02}"
    rows = [
        ("Subtotal", document.subtotal_cents, False),
        (f"Tax ({rate} %)", document.tax_cents, False),
        (f"Total ({document.currency})", document.total_cents, True),
    ]
    cells = [
        [
            "",
            Paragraph(name, _style(11 if bold else 9, bold=bold)),
            Paragraph(_money(cents), _style(11 if bold else 9, bold=bold, right=True)),
        ]
        for name, cents, bold in rows
    ]
    style = TableStyle(
        [
            ("LINEABOVE", (1, -1), (-1, -1), 0.8, _INK),
            ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ]
    )
    return Table(cells, colWidths=(_WIDTH - 100 * mm, 45 * mm, 55 * mm), style=style)


def _small_print(document: InvoiceDocument) -> str:
    return (
        f"Times are in UTC. This invoice covers {document.ledger_rows:,} rows of the usage ledger."
        f" SHA-256 of these rows:<br/>{document.ledger_digest}"
    )


def _plain() -> TableStyle:
    return TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ]
    )


def _date(at: datetime, *, last: bool = False) -> str:
    """A day; of a time's end the last one that belongs to it."""
    shown = at.astimezone(UTC) - (timedelta(microseconds=1) if last else timedelta())
    return shown.date().isoformat()


def _money(cents: int) -> str:
    sign = "−" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"
