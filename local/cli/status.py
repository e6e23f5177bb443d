"""`footnote status`: what runs, and what it takes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import psutil
import typer
from rich.markup import escape
from rich.table import Table

from local import control
from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, running_stack, said_plainly


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    data_dir: DataDirectory = None,
) -> None:
    """Show engines, functions, queues and memory."""
    state = running_stack(data_paths(data_dir))
    with said_plainly():
        answer = control.ask(state, "status")
    for engine in answer["engines"].values():
        engine["memory_bytes"] = _family_bytes(engine["pid"])
    for function in answer["functions"].values():
        function["memory_bytes"] = sum(map(_family_bytes, function["pids"]))
    answer["memory_bytes"] = _family_bytes(answer["pid"])
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    console.print(
        f"[bold]{answer['api_url']}[/bold]  data {escape(answer['data'])}  runner {answer['runner']}"
    )
    for name, rows in answer.items():
        if isinstance(rows, dict):
            console.print()
            console.print(_table(name, rows))
    console.print(f"\nMemory of everything: {_megabytes(answer['memory_bytes'])}")


def _table(name: str, rows: dict[str, dict[str, Any]]) -> Table:
    """Named records of the same kind: engines, functions, queues."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(name)
    headings = list(dict.fromkeys(key for record in rows.values() for key in record))
    for heading in headings:
        table.add_column(heading.removesuffix("_bytes").replace("_", " "))
    for row, record in rows.items():
        table.add_row(row, *(_cell(heading, record.get(heading)) for heading in headings))
    return table


def _cell(heading: str, value: Any) -> str:
    if heading.endswith("_bytes"):
        return _megabytes(int(value)) if value else ""
    if heading == "pid" and value is None:
        return "[red]down[/red]"
    if isinstance(value, list):
        return escape(", ".join(map(str, value)))
    return escape(str(value))


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.0f} MB"


def _family_bytes(pid: int | None) -> int:
    """Memory of a process and its children; pages that they share are counted once where the system tells."""
    if pid is None:
        return 0
    try:
        process = psutil.Process(pid)
        return sum(_bytes(member) for member in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def _bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.uss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
