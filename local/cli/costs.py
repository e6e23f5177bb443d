"""`footnote costs`: what all organizations cost the platform."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer
from rich.markup import escape

from footnote.billing.usage import to_csv
from local.cli.budget import micro_usd
from local.cli.operators import DatabaseOption, connected
from local.cli.output import console
from local.cli.session import DataDirectory, stop_with

GroupBy = Literal["organization", "model", "feature", "component"]
_DAYS = ["%Y-%m-%d"]
_MONTHS = ["%Y-%m"]
_COSTS = "SELECT key, billed, unbilled, messages FROM metering.costs(%s, %s, %s)"

app = typer.Typer(help="What all organizations cost the platform.", invoke_without_command=True)


@app.callback()
def costs(
    context: typer.Context,
    by: Annotated[GroupBy, typer.Option(help="What to add up.")] = "organization",
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAYS, help="Default: this month's first day.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=_DAYS, help="Default: today.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print whole micro-USD as CSV.")] = False,
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Show what all organizations cost the platform, in days of UTC."""
    if context.invoked_subcommand is not None:
        return
    until = (last or datetime.now(UTC)).replace(tzinfo=UTC, hour=0, minute=0, second=0, microsecond=0)
    since = first.replace(tzinfo=UTC) if first else until.replace(day=1)
    if since > until:
        stop_with("--from is a day before --to, or the same")
    with connected(data_dir, "footnote_jobs", dsn) as connection:
        rows = connection.execute(_COSTS, (by, since, until + timedelta(days=1))).fetchall()
    if as_csv:
        head = (by, "billed_micro_usd", "unbilled_micro_usd", "messages")
        told = ((row["key"], row["billed"], row["unbilled"], row["messages"]) for row in rows)
        sys.stdout.write(to_csv(head, told))
        return
    for row in rows:
        total = (row["billed"] + row["unbilled"]) / 1_000_000
        name = escape(row["key"] or "none in particular")
        console.print(f"{name:38} USD {total:14,.6f} {row['messages']:>10} messages")
    total = sum(row["billed"] + row["unbilled"] for row in rows) / 1_000_000
    console.print(f"{'together':38} USD {total:14,.6f}")


@dataclass(frozen=True)
class Comparison:
    """A provider's invoice beside the ledgers, in micro-USD.

    Attributes:
        recorded: What the usage ledger has.
        unnamed: What attempts cost that ended without an answer: no ledger says of which model. Between
            nothing and all of it is on this invoice.
        invoiced: What the provider wants.
    """

    recorded: int
    unnamed: int
    invoiced: int

    @property
    def difference(self) -> int:
        """How much more is invoiced than the ledgers can explain; negative: less than they have."""
        nearest = min(max(self.invoiced, self.recorded), self.recorded + self.unnamed)
        return self.invoiced - nearest

    @property
    def percent(self) -> float:
        """The difference in percent of what is recorded."""
        if self.difference == 0:
            return 0.0
        nearest = self.invoiced - self.difference
        return 100 * self.difference / nearest if nearest else float("inf")


@app.command()
def compare(
    month: Annotated[datetime, typer.Option(formats=_MONTHS, help="The month of UTC that was invoiced.")],
    invoiced: Annotated[str, typer.Option(help="What the provider wants for it, in USD, without taxes.")],
    model: Annotated[str | None, typer.Option(help="The model that it is for.")] = None,
    component: Annotated[
        str | None, typer.Option(help="The meter that it is for, as in `--by component`.")
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0, help="Percent by which they may differ.")] = 1.0,
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Compare what a provider of models invoiced with what the ledgers say; exit status 1 if they differ."""
    if model is not None and component is not None:
        stop_with("an invoice is compared by --model or by --component, not by both")
    try:
        amount = micro_usd(invoiced)
    except ValueError as error:
        stop_with(f"--invoiced: {error}")
    since = month.replace(tzinfo=UTC)
    until = (since + timedelta(days=32)).replace(day=1)
    name, by = model or component, "component" if component is not None else "model"
    with connected(data_dir, "footnote_jobs", dsn) as connection:
        rows = connection.execute(_COSTS, (by, since, until)).fetchall()
    if name is not None and name not in {row["key"] for row in rows}:
        known = ", ".join(sorted(row["key"] for row in rows if row["key"])) or "none"
        stop_with(f"the ledger of {month:%Y-%m} has no {by} called {name!r}", f"It has: {known}.")
    found = Comparison(
        sum(row["billed"] for row in rows if name is None or row["key"] == name),
        sum(row["unbilled"] for row in rows),
        amount,
    )
    _tell(found, f"{month:%Y-%m}, {escape(name or 'everything')}")
    if abs(found.percent) > tolerance:
        stop_with(
            f"they differ by {found.percent:+.2f} %, and {tolerance:g} % is allowed",
            "Look at the prices (footnote prices list) and at what else the provider has charged for.",
        )


def _tell(found: Comparison, what: str) -> None:
    lines = [("invoiced", found.invoiced), ("in the ledger", found.recorded)]
    if found.unnamed:
        lines.append(("attempts without an answer, of any model", found.unnamed))
    lines.append(("difference", found.difference))
    console.print(what)
    for words, amount in lines:
        console.print(f"{words:42} USD {amount / 1_000_000:14,.6f}")
    console.print(f"{'':42} {found.percent:+17.2f} %")
