"""`footnote doctor`: what is wrong with this machine."""

from __future__ import annotations

import typer
from rich.markup import escape

from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, stop_with
from local.doctor import examine
from local.paths import cache_directory

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(data_dir: DataDirectory = None) -> None:
    """Say what is wrong with this machine and how to mend it; exit status 1 if something is."""
    try:
        cache = cache_directory()
    except PermissionError as error:
        stop_with(str(error), "Choose a folder with FOOTNOTE_CACHE_DIR.")
    problems = 0
    for finding in examine(data_paths(data_dir), cache):
        colour = _COLOURS[finding.verdict]
        console.print(f"[{colour}]{finding.verdict:8}[/{colour}] {finding.check:12} {escape(finding.text)}")
        if finding.mend:
            console.print(f"{'':22}{escape(finding.mend)}")
        problems += finding.verdict == "problem"
    if problems:
        raise typer.Exit(1)
