"""`footnote budget platform`: what the whole platform may spend in a month."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from local.cli.operators import DatabaseOption, connected
from local.cli.output import console
from local.cli.session import DataDirectory, stop_with

app = typer.Typer(help="Budgets.", no_args_is_help=True)
platform = typer.Typer(help="The platform's own budget.", no_args_is_help=True)
app.add_typer(platform, name="platform")

_ROLE = "footnote_jobs"
_MICRO = 1_000_000
_MOST_HOURS = 31 * 24
Stage = Literal["normal", "soft", "hard", "emergency"]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]


def micro_usd(text: str) -> int:
    """Whole micro-USD of an amount of dollars such as 1500 or 99.90.

    Raises:
        ValueError: It is none, not more than nothing, or finer than a micro-dollar.
    """
    try:
        amount = Decimal(text) * _MICRO
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is no amount of dollars") from error
    if not amount.is_finite() or amount <= 0 or amount != amount.to_integral_value() or amount > 9 * 10**15:
        raise ValueError(f"{text!r} is no amount of dollars that a budget can have")
    return int(amount)


@platform.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as it is stored.")] = False,
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Show the budget, what is spent of it, and its stage."""
    with connected(data_dir, _ROLE, dsn) as connection:
        row = connection.execute("SELECT metering.platform_budget() AS budget").fetchone()
    assert row is not None
    if as_json:
        typer.echo(json.dumps(row["budget"], indent=2))
        return
    _tell(row["budget"])


@platform.command("set")
def set_budget(
    amount: Annotated[str, typer.Argument(help="US dollars a month.")],
    reason: ReasonOption,
    hard_stop: Annotated[bool, typer.Option(help="Refuse what could exceed the amount.")] = True,
    stop_on_projection: Annotated[
        bool, typer.Option(help="Refuse all paid work once over 110 % of it is projected.")
    ] = False,
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Set the budget; it holds for every request from then on."""
    try:
        limit = micro_usd(amount)
    except ValueError as error:
        stop_with(str(error), "Write for instance 1500 or 99.90.")
    _run(
        "SELECT metering.set_platform_budget(%s, %s, %s, %s, %s) AS budget",
        (limit, hard_stop, stop_on_projection, _who(), reason), data_dir, dsn,
    )  # fmt: skip


@platform.command()
def remove(reason: ReasonOption, data_dir: DataDirectory = None, dsn: DatabaseOption = None) -> None:
    """Remove the budget."""
    statement = "SELECT metering.set_platform_budget(NULL, true, false, %s, %s) AS budget"
    _run(statement, (_who(), reason), data_dir, dsn)


@platform.command()
def override(
    stage: Annotated[Stage, typer.Argument(help="The stage to hold.")],
    reason: ReasonOption,
    hours: Annotated[float, typer.Option(help="For how long.")] = 1.0,
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Hold a stage for a while, whatever the figures say. The hard stop's limit stays."""
    if not 0 < hours <= _MOST_HOURS:
        stop_with(f"a stage is held for more than 0 and at most {_MOST_HOURS} hours")
    until = datetime.now(UTC) + timedelta(hours=hours)
    statement = "SELECT metering.override_platform_budget(%s, %s, %s, %s) AS budget"
    _run(statement, (stage, until, _who(), reason), data_dir, dsn)


@platform.command()
def release(reason: ReasonOption, data_dir: DataDirectory = None, dsn: DatabaseOption = None) -> None:
    """Let the figures decide on the stage again."""
    statement = "SELECT metering.override_platform_budget(NULL, NULL, %s, %s) AS budget"
    _run(statement, (_who(), reason), data_dir, dsn)


def _run(statement: Any, values: tuple[Any, ...], data_dir: Any, dsn: str | None) -> None:
    with connected(data_dir, _ROLE, dsn) as connection:
        row = connection.execute(statement, values).fetchone()
    assert row is not None
    _tell(row["budget"])


def _who() -> str:
    return f"operator {getpass.getuser()}"


def _tell(budget: dict[str, Any]) -> None:
    if budget["amount"] is None:
        console.print(f"no budget; {_dollars(budget['spent'])} spent this month; stage {budget['stage']}")
        return
    stop = "hard stop" if budget["hard_stop"] else "no hard stop"
    if budget["stop_on_projection"]:
        stop += ", stops on projection"
    projected = "" if budget["projected"] is None else f"; {_dollars(budget['projected'])} projected"
    console.print(f"{_dollars(budget['amount'])} a month ({stop}); stage [bold]{budget['stage']}[/bold]")
    console.print(f"{_dollars(budget['spent'])} spent, {_dollars(budget['reserved'])} reserved{projected}")
    if budget["override_stage"] is not None:
        console.print(f"held until {budget['override_until']}: {escape(budget['override_reason'])}")


def _dollars(micro: int) -> str:
    return f"USD {Decimal(micro) / _MICRO:,.2f}"
