"""`footnote queue`: messages that no function could handle."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from local import control
from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, running_stack, said_plainly

app = typer.Typer(help="The dead-letter queues.", no_args_is_help=True)


@app.command("list")
def list_dead_letters(
    as_json: Annotated[bool, typer.Option("--json", help="Print the messages as they are.")] = False,
    data_dir: DataDirectory = None,
) -> None:
    """List the messages that failed too often."""
    state = running_stack(data_paths(data_dir))
    with said_plainly():
        messages: list[dict[str, Any]] = control.ask(state, "dead-letters")
    if as_json:
        typer.echo(json.dumps(messages, indent=2))
        return
    for message in messages:
        parts = " ".join(f"[dim]{key}[/dim] {escape(str(value))}" for key, value in message.items())
        console.print(parts)
    console.print(f"{len(messages)} messages")


@app.command()
def redrive(data_dir: DataDirectory = None) -> None:
    """Put failed messages back into their queues."""
    state = running_stack(data_paths(data_dir))
    with said_plainly():
        moved: int = control.ask(state, "redrive")
    console.print(f"{moved} messages moved back")
