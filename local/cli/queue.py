"""`footnote queue`: messages that no function could handle."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote_plus

import typer
from rich.markup import escape

from local import control
from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, running_stack, said_plainly

_EXCERPT = 120

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
        sent = datetime.fromtimestamp(message["sent"], UTC).astimezone().isoformat(" ", "seconds")
        console.print(f"[bold]{message['queue']}[/bold] {sent} {escape(_subject(message['body']))}")
    console.print(f"{len(messages)} messages")


def _subject(body: str) -> str:
    """What a message is about: the objects of S3's events, else the beginning of its text."""
    try:
        records = json.loads(body)["Records"]
        return ", ".join(f"{one['eventName']} {unquote_plus(one['s3']['object']['key'])}" for one in records)
    except (ValueError, KeyError, TypeError):
        return body[:_EXCERPT]


@app.command()
def redrive(data_dir: DataDirectory = None) -> None:
    """Put failed messages back into their queues."""
    state = running_stack(data_paths(data_dir))
    with said_plainly():
        moved: int = control.ask(state, "redrive")
    console.print(f"{moved} messages moved back")
