"""`footnote costs`: what all organizations cost the platform."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer
from rich.markup import escape

from local.cli.operators import DatabaseOption, connected
from local.cli.output import console
from local.cli.session import DataDirectory, stop_with

GroupBy = Literal["organization", "model", "feature", "component"]
_DAYS = ["%Y-%m-%d"]


def costs(
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
    until = (last or datetime.now(UTC)).replace(tzinfo=UTC, hour=0, minute=0, second=0, microsecond=0)
    since = first.replace(tzinfo=UTC) if first else until.replace(day=1)
    if since > until:
        stop_with("--from is a day before --to, or the same")
    with connected(data_dir, "footnote_jobs", dsn) as connection:
        rows = connection.execute(
            "SELECT key, billed, unbilled, messages FROM metering.costs(%s, %s, %s)",
            (by, since, until + timedelta(days=1)),
        ).fetchall()
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow((by, "billed_micro_usd", "unbilled_micro_usd", "messages"))
        writer.writerows((row["key"] or "", row["billed"], row["unbilled"], row["messages"]) for row in rows)
        return
    for row in rows:
        total = (row["billed"] + row["unbilled"]) / 1_000_000
        name = escape(row["key"] or "none in particular")
        console.print(f"{name:38} USD {total:14,.6f} {row['messages']:>10} messages")
    total = sum(row["billed"] + row["unbilled"] for row in rows) / 1_000_000
    console.print(f"{'together':38} USD {total:14,.6f}")
