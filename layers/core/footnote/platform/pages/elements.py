"""The pieces that pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from footnote.platform.pages.markup import Content, Markup, escaped, join, tag


def section(title: str, *contents: Content, anchor: str | None = None) -> Markup:
    """A part of the page under a heading."""
    return tag("section", tag("h2", title), *contents, id=anchor)


def paragraph(*contents: Content, kind: str | None = None) -> Markup:
    """A paragraph; `kind` names its look: `note`, `good`, `bad`."""
    return tag("p", *contents, class_=kind)


def link(text: Content, target: str) -> Markup:
    """A link to a place of the page, or to a path of this site.

    Raises:
        ValueError: The target leads elsewhere.
    """
    if not target.startswith(("#", "/")) or target.startswith("//"):
        raise ValueError("pages link to nothing but themselves and this site")
    return tag("a", text, href=target)


def definitions(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Names and values; those without a value are left out."""
    shown = [(name, value) for name, value in pairs if value not in {None, ""}]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in shown))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    """A table in a region of its own that scrolls where the page is too narrow for it.

    Numbers stand to the right, under their heading; the first column names the row.
    """
    written = [list(row) for row in rows]
    numeric = [any(_is_number(row[place]) for row in written) for place in range(len(columns))]
    head = tag(
        "tr",
        *(
            tag("th", column, scope="col", class_="number" if right else None)
            for column, right in zip(columns, numeric, strict=True)
        ),
    )
    body = [tag("tr", *map(_cell, range(len(row)), row, numeric)) for row in written]
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)


def _is_number(value: Content) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(place: int, value: Content, right: bool) -> Markup:
    kind = "number" if right else None
    text = f"{value:.4g}" if isinstance(value, float) else value
    if place == 0:
        return tag("th", text, scope="row", class_=kind)
    return tag("td", "–" if text is None else text, class_=kind)


def bars(caption: str, values: Mapping[str, float], *, unit: str, total: float | None = None) -> Markup:
    """A bar for each value, all on one scale, with the value beside it.

    Args:
        caption: What is shown.
        values: Not negative.
        unit: Of the values.
        total: What the whole width stands for; by default the greatest value.
    """
    scale = max([*values.values(), total or 0.0, 1e-9])
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", _bar(value / scale), class_="bar"),
            tag("td", f"{value:,.1f} {unit}", class_="number"),
        )
        for name, value in values.items()
    ]
    return tag("table", tag("caption", caption), tag("tbody", *rows), class_="bars")


def _bar(share: float) -> Markup:
    # An attribute of SVG is no inline style, which the page's policy forbids.
    width = f"{100 * min(max(share, 0.0), 1.0):.2f}%"
    return tag("svg", tag("rect", width=width, height="100%"), width="100%", height="12", aria_hidden="true")


def marked(text: str, spans: Iterable[tuple[int, int]]) -> Markup:
    """The text with the spans (half-open) marked; overlapping ones are one."""
    pieces: list[Content] = []
    done = 0
    for start, end in sorted(spans):
        first, last = max(start, done), min(end, len(text))
        if last <= first:
            continue
        pieces += [text[done:first], tag("mark", text[first:last])]
        done = last
    return join([*pieces, escaped(text[done:])])
