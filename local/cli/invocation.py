"""`footnote invoke`: one function called with one event, as `sam local invoke` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from local import control
from local.cli.session import DataDirectory, data_paths, running_stack, said_plainly, stop_with
from local.paths import REPOSITORY


def invoke(
    function: Annotated[str, typer.Argument(help="A folder of functions/.")],
    event: Annotated[
        Path | None, typer.Option(help="A JSON file; by default events/<function>.json.")
    ] = None,
    data_dir: DataDirectory = None,
) -> None:
    """Call one function of the running stack with an event and print its answer; status 1 if it failed."""
    file = event or REPOSITORY / "events" / f"{function}.json"
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        stop_with(f"{file} cannot be read as JSON: {error}")
    state = running_stack(data_paths(data_dir))
    with said_plainly():
        answer: dict[str, Any] = control.ask(
            state, "invoke", timeout_s=900.0, function=function, event=content
        )
    typer.echo(answer["payload"])
    if answer["function_error"]:
        raise typer.Exit(1)
