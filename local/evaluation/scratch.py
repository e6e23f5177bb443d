"""A stack that is started for an evaluation and thrown away after."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from local.control import StackState, read_state
from local.launcher import StackFailed, StackProcess
from local.paths import DataPaths, cache_directory
from local.ports import free_port
from local.preparation import prepare
from local.progress import Reporter

Display = Callable[[], AbstractContextManager[Reporter]]


class ScratchStack:
    """One data folder, on which stacks of several configurations are run one after the other.

    Args:
        folder: Empty; everything is kept in it.
        display: Shows how a start goes.
    """

    def __init__(self, folder: Path, display: Display) -> None:
        self._data = DataPaths(folder)
        self._display = display
        self._is_prepared = False

    @contextmanager
    def serving(self, settings: Mapping[str, str]) -> Iterator[StackState]:
        """A running stack whose functions have these settings; it is stopped at the end.

        Raises:
            StackFailed: It did not start.
        """
        with self._display() as report:
            if not self._is_prepared:
                prepare(self._data, cache_directory(), report)
                self._is_prepared = True
            stack = StackProcess(
                self._data, cache_directory(), free_port(), "runtime-api", detached=False, settings=settings
            )
            try:
                stack.follow(report)
            except BaseException:
                stack.ask_to_stop()
                raise
        try:
            state = read_state(self._data.state)
            if state is None:
                raise StackFailed(f"it ended at once; see {self._data.logs}")
            yield state
        finally:
            stack.ask_to_stop()
            stack.wait()


@contextmanager
def scratch_stack(display: Display) -> Iterator[ScratchStack]:
    """A scratch stack in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="footnote-evaluation-") as folder:
        yield ScratchStack(Path(folder), display)
