"""`footnote cost`: what a stage in AWS costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from local.cli.output import console
from local.cli.session import stop_with
from local.paths import REPOSITORY

app = typer.Typer(help="What a stage in AWS costs.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What a stage in AWS costs."""


@app.command()
def estimate(
    stage: Annotated[str, typer.Option(help="development, staging or production.")] = "development",
    templates: Annotated[Path, typer.Option(help="Where `make synth` has put its output.")] = REPOSITORY
    / "cdk.out",
    messages: Annotated[int, typer.Option(min=0, help="Questions a month.")] = 0,
    searches: Annotated[int, typer.Option(min=0, help="Searches a month.")] = 0,
    documents: Annotated[int, typer.Option(min=0, help="Documents a month.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The month without traffic, and at a load, from the synthesised templates and a dated price table."""
    from infra.cdk.config import load_config
    from infra.cdk.cost.estimate import Estimate, Line, Load, UnknownPrice, total

    try:
        config = load_config(stage)
        found = sorted(templates.glob(f"footnote-{stage}-*.template.json"))
        if not found:
            stop_with(f"{templates} holds no templates of {stage}.", f"Run 'make synth STAGE={stage}' first.")
        estimate = Estimate(config, [json.loads(file.read_text()) for file in found])
        idle = sorted(estimate.idle(), key=lambda line: -line.usd)
        busy = estimate.load(Load(messages=messages, searches=searches, documents=documents))
    except (ValueError, UnknownPrice) as error:
        stop_with(str(error).strip("'\""))
    if as_json:
        told = {
            "stage": stage,
            "prices_as_of": estimate.as_of,
            "idle_usd": total(idle),
            "load_usd": total(busy),
            "lines": [
                {"service": each.service, "what": each.what, "usd": round(each.usd, 4)}
                for each in [*idle, *busy]
            ],
        }
        console.print_json(json.dumps(told))
        return

    def table(title: str, lines: list[Line]) -> Table:
        made = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in ("service", "what", "quantity", "", "USD a month"):
            made.add_column(name, justify="right" if name in {"quantity", "USD a month"} else "left")
        for line in lines:
            made.add_row(line.service, line.what, f"{line.quantity:,.1f}", line.unit, f"{line.usd:,.2f}")
        made.add_row("", "[bold]total[/bold]", "", "", f"[bold]{total(lines):,.2f}[/bold]")
        return made

    console.print(table(f"{stage}, idle", idle))
    if messages or searches or documents:
        console.print()
        console.print(table("what the load adds", busy))
    console.print(
        f"\nList prices on demand as of {estimate.as_of}, without free tiers; see infra/cdk/cost/prices.yaml."
    )
