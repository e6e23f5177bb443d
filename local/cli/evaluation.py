"""`footnote evaluate`: retrieval and answers measured on a set of judged questions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from footnote.evaluation import load_dataset
from footnote.platform.errors import InvalidRequest
from local.cli.output import ProgressDisplay, console
from local.cli.session import DataDirectory, data_paths, said_plainly, stop_with
from local.client import ApiClient
from local.control import read_state
from local.evaluation import STRATEGIES, Evaluation, render
from local.launcher import StackFailed, StackProcess
from local.paths import DataPaths, cache_directory
from local.ports import free_port
from local.preparation import prepare

_PLAIN_LINE_EVERY = 500


def evaluate(
    directory: Annotated[Path, typer.Argument(help="Holds corpus.jsonl, queries.jsonl and qrels.tsv.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N questions.")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write every figure to this file, too.")
    ] = None,
    strategy: Annotated[
        list[str] | None, typer.Option(help="Search strategies to compare (default: all three).")
    ] = None,
    answers: Annotated[bool, typer.Option(help="Answer the questions, too, not only search.")] = True,
    data_dir: DataDirectory = None,
) -> None:
    """Measure search and answers on judged questions, in an organization made for it."""
    strategies = strategy or list(STRATEGIES)
    unknown = sorted(set(strategies) - set(STRATEGIES))
    if unknown:
        stop_with(f"there is no strategy '{unknown[0]}'", f"Choose from {', '.join(STRATEGIES)}.")
    try:
        dataset = load_dataset(directory, limit)
    except InvalidRequest as error:
        stop_with(error.message)
    with (
        said_plainly(),
        _stack(data_paths(data_dir)) as url,
        ApiClient(url) as client,
        _Progress() as progress,
    ):
        report = Evaluation(client, progress).run(dataset, strategies, answers=answers)
    console.print(render(report))
    if json_out is not None:
        json_out.write_text(json.dumps(report.as_json(), indent=2) + "\n")
        console.print(f"\nAll figures: {json_out}")


@contextmanager
def _stack(data: DataPaths) -> Iterator[str]:
    """Address of the running stack, or of one that is started for this and thrown away after."""
    running = read_state(data.state)
    if running is not None:
        yield running.api_url
        return
    with tempfile.TemporaryDirectory(prefix="footnote-evaluation-") as folder:
        scratch = data_paths(Path(folder))
        with ProgressDisplay() as display:
            try:
                prepare(scratch, cache_directory(), display)
                stack = StackProcess(scratch, cache_directory(), free_port(), "runtime-api", detached=False)
                url = stack.follow(display)
            except StackFailed as error:
                stop_with(str(error), "`footnote doctor` looks for the cause.")
        try:
            yield url
        finally:
            stack.ask_to_stop()
            stack.wait()


class _Progress:
    """Bars on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done)
        if not console.is_terminal and (done == total or done % _PLAIN_LINE_EVERY == 0):
            console.print(f"  {what}: {done} of {total}")
