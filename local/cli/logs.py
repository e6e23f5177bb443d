"""`footnote logs`: what the servers and functions print."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, stop_with
from local.paths import DataPaths

_POLL_S = 0.25


def logs(
    name: Annotated[str | None, typer.Argument(help="Which log; without a name they are listed.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.", min=0)] = 100,
    data_dir: DataDirectory = None,
) -> None:
    """Show a log: of an engine, a function or the gateway."""
    found = _logs(data_paths(data_dir))
    if name is None:
        for log, file in found.items():
            console.print(f"{log:20} {file}")
        return
    if name not in found:
        stop_with(f"no log is called {name}", f"There are: {', '.join(found) or 'none yet'}.")
    for line in _tail(found[name], lines):
        typer.echo(line)
    if follow:
        try:
            for line in _new_lines(found[name]):
                typer.echo(line, nl=False)
        except KeyboardInterrupt:
            return


def _logs(data: DataPaths) -> dict[str, Path]:
    """Engines and gateway by name, then functions by name."""
    files = [*sorted(data.logs.glob("*.log")), *sorted(data.logs.glob("functions/*.log"))]
    return {file.stem: file for file in files}


def _tail(file: Path, lines: int) -> list[str]:
    return file.read_text(errors="replace").splitlines()[-lines:] if lines else []


def _new_lines(file: Path) -> Iterator[str]:
    """What is appended from now on; a file that begins anew is followed from its start."""
    stream = file.open(errors="replace")
    stream.seek(0, 2)
    try:
        while True:
            line = stream.readline()
            if line:
                yield line
                continue
            if file.exists() and file.stat().st_size < stream.tell():
                stream.close()
                stream = file.open(errors="replace")
            time.sleep(_POLL_S)
    finally:
        stream.close()
