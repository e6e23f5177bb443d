"""How far an evaluation is: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from local.cli.output import console

_PLAIN_LINE_EVERY = 500


class EvaluationProgress:
    """Told what is going on, how much of it is done, and how much there is.

    The bars are there while something is told, so that what is shown before and between is not disturbed.
    """

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
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._bars.start()
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done)
        if done == total:
            self._bars.stop()
            self._bars.remove_task(self._tasks.pop(what))
        if not console.is_terminal and (done == total or done % _PLAIN_LINE_EVERY == 0):
            console.print(f"  {what}: {done} of {total}")
