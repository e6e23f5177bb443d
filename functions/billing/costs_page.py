"""Costs as a page."""

from __future__ import annotations

from collections.abc import Iterator

from footnote.billing.budgets import Budget
from footnote.billing.costs import CostGroup, CostReport, change
from footnote.billing.forecast import Forecast
from footnote.billing.recommendations import Recommendation
from footnote.platform.pages import Content, Markup, definitions, page, paragraph, section, table, tag
from functions.billing.costs_chart import daily_chart, month_chart
from functions.billing.money import dollars

_NAMES = {
    "input_tokens": "Model: input tokens", "cached_tokens": "Model: cached tokens",
    "output_tokens": "Model: output tokens", "embedding_tokens": "Embedding", "rerank_calls": "Reranking",
    "compute_ms": "Compute of self-hosted models", "messages": "Messages",
}  # fmt: skip
_STAGES = {
    "normal": "within the budget",
    "soft": "close to the budget, or projected to come close",
    "hard": "above the budget if this goes on: answers cost less",
    "emergency": "closed: paid requests are refused",
}


def costs_page(report: CostReport) -> str:
    """The page: what it cost, day by day, what the month will cost, where it went, how to save."""
    period = report.period
    return page(
        "Costs",
        tag("h1", f"{dollars(report.totals.total)} from {period.first} to {period.last}"),
        paragraph(_trend(report)),
        definitions(
            [
                ("Paid for by use", dollars(report.totals.billed)),
                ("Attempts that nobody pays for", dollars(report.totals.unbilled)),
                ("Messages", report.totals.messages),
                ("Per message", _amount(report.totals.per_message)),
                ("Charged requests", report.totals.transactions),
                ("Per charged request", _amount(report.totals.per_transaction)),
                ("Time zone of days", report.time_zone),
            ]
        ),
        section("Day by day", daily_chart(report.daily)),
        _month(report.forecast, report.budget),
        section(f"By {report.group_by}", _groups(report)),
        _savings(report.recommendations),
    )


def _trend(report: CostReport) -> str:
    before, now = report.totals_before.total, report.totals.total
    length = f"the {report.period.days} days before" if report.period.days > 1 else "the day before"
    share = change(now, before)
    if share is None:
        return f"Nothing was spent in {length}."
    told = f"{abs(share):.1%} {'more' if share > 0 else 'less'} than" if now != before else "As much as"
    return f"{told} in {length}, which cost {dollars(before)}."


def _month(forecast: Forecast | str, budget: Budget | None) -> Markup:
    rows: list[tuple[str, Content]] = []
    if budget is not None and budget.terms.amount is not None:
        rows = [
            ("Budget of the month", dollars(budget.terms.amount)),
            ("Spent of it", f"{dollars(budget.spent)} ({budget.spent / budget.terms.amount:.1%})"),
            ("Reserved by requests", dollars(budget.reserved)),
            ("Stage", f"{budget.stage}: {_STAGES[budget.stage]}"),
        ]
        if budget.override is not None:
            held = budget.override
            rows.append(("Held by a person", f"until {held.until:%Y-%m-%d %H:%M %Z}: {held.reason}"))
    if isinstance(forecast, str):
        return section("This month", definitions(rows), paragraph(forecast, kind="note"))
    limit = budget.terms.amount if budget is not None else None
    is_over = limit is not None and forecast.amount > limit
    words = (
        f"This month is expected to cost {dollars(forecast.amount)}: nine times in ten between"
        f" {dollars(forecast.low)} and {dollars(forecast.high)}."
    )
    return section(
        "This month",
        paragraph(words, kind="bad" if is_over else None),
        month_chart(forecast, limit),
        definitions(rows),
        paragraph(f"Expected of each day to come: {forecast.basis}.", kind="note"),
    )


def _groups(report: CostReport) -> Markup:
    columns = ["Group", _right("Cost"), _right("Share"), _right("Of it nobody pays for")]
    has_before = report.group_by != "day"
    if has_before:
        columns += [_right("The time before"), _right("Change")]
    rows = [tuple(_row(one, report.totals.total, has_before)) for one in report.groups]
    if not rows:
        return paragraph("Nothing was spent in these days.", kind="note")
    return table(f"Costs by {report.group_by}", columns, rows)


def _row(group: CostGroup, total: int, has_before: bool) -> Iterator[Content]:
    yield _NAMES.get(group.key, group.key) if group.key else "None in particular"
    yield _right(dollars(group.total))
    yield _right(f"{group.total / total:.1%}" if total > 0 else None)
    yield _right(dollars(group.unbilled) if group.unbilled else None)
    if has_before:
        yield _right(_amount(group.before))
        yield _right(None if group.change is None else f"{group.change:+.1%}")


def _right(text: str | None) -> Markup:
    return tag("div", text if text is not None else "–", class_="number")


def _savings(found: tuple[Recommendation, ...]) -> Markup:
    if not found:
        return section(
            "How to save",
            paragraph("These days' figures support no recommendation.", kind="note"),
        )
    return section(
        "How to save",
        *(
            tag(
                "article",
                tag("h3", f"{one.title}: {dollars(one.saving)} in as many days"),
                paragraph(one.how),
                definitions(
                    (name.replace("_", " "), _figure(name, value)) for name, value in one.figures.items()
                ),
            )
            for one in found
        ),
    )


def _figure(name: str, value: float) -> str:
    return (
        dollars(int(value))
        if name.endswith("_cost")
        else f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
    )


def _amount(micro_usd: int | None) -> str | None:
    return None if micro_usd is None else dollars(micro_usd)
