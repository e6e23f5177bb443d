"""`footnote status`: what runs, and what it takes."""

from __future__ import annotations

import json
from typing import Annotated, Any

import psutil
import typer
from rich.markup import escape
from rich.table import Table

from local import control
from local.cli.output import console, megabytes
from local.cli.session import DataDirectory, data_paths, running_stack, said_plainly


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    data_dir: DataDirectory = None,
) -> None:
    """Show engines, functions, queues and memory."""
    state = running_stack(data_paths(data_dir))
    with said_plainly():
        answer = control.ask(state, "status")
    for engine in answer["engines"]:
        engine["memory_bytes"] = _family_bytes(engine["pid"])
    answer["memory_bytes"] = _family_bytes(answer["pid"])
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    console.print(
        f"[bold]{answer['api_url']}[/bold]  data {escape(answer['data'])}  runner {answer['runner']}"
    )
    console.print(_engines(answer["engines"], answer["ports"]))
    _print_gateway(answer["gateway"])
    console.print(f"Memory of everything: {megabytes(answer['memory_bytes'])}")


def _engines(engines: list[dict[str, Any]], ports: dict[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("engine", "state", "port", "pid", "memory", "restarts"):
        table.add_column(heading)
    for engine in engines:
        state = "[green]running[/green]" if engine["running"] else "[red]down[/red]"
        memory = megabytes(engine["memory_bytes"])
        pid = str(engine["pid"] or "")
        table.add_row(engine["name"], state, str(ports[engine["name"]]), pid, memory, str(engine["restarts"]))
    return table


def _print_gateway(gateway: dict[str, Any]) -> None:
    """What the gateway tells of its functions and queues: one table for each list of records."""
    for name, value in gateway.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            table = Table(box=None, pad_edge=False, header_style="bold", title=name, title_justify="left")
            for heading in value[0]:
                table.add_column(str(heading))
            for row in value:
                table.add_row(*(escape(str(cell)) for cell in row.values()))
            console.print(table)
        else:
            console.print(f"{name}: {escape(str(value))}")


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
