"""What the stack is doing, told as it happens: events, and the two ways of telling them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal, Protocol

from pydantic import BaseModel, ConfigDict

State = Literal["started", "done", "failed", "note", "ready"]


class Event(BaseModel):
    """One thing worth telling.

    Attributes:
        step: What it is about, in words for a person: "PostgreSQL", "layer core".
        state: `ready` is said once, by the whole stack.
        text: More about it: why a step failed, the address of a stack that is ready.
        seconds: How long a finished step took.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: str
    state: State
    text: str = ""
    seconds: float = 0.0


class Reporter(Protocol):
    """Receives events; called from any thread."""

    def __call__(self, event: Event) -> None:
        """Tells one event."""


@contextmanager
def step(report: Reporter, name: str) -> Iterator[None]:
    """Reports the start, the end and the time of what happens inside; a failure is reported and raised."""
    report(Event(step=name, state="started"))
    begin = time.monotonic()
    try:
        yield
    except Exception as error:
        report(Event(step=name, state="failed", text=str(error), seconds=time.monotonic() - begin))
        raise
    report(Event(step=name, state="done", seconds=time.monotonic() - begin))


class LineReporter:
    """Writes events as JSON lines, for the process that started this one; silent once nobody reads."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream: IO[str] | None = stream

    def __call__(self, event: Event) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(event.model_dump_json() + "\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            self.close()

    def close(self) -> None:
        """Points the stream at nothing, so that a late writer never meets a broken pipe."""
        if self._stream is not None:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
            self._stream = None


def parse_line(line: str) -> Event | None:
    """The event in a line that `LineReporter` wrote; None for any other line."""
    try:
        return Event.model_validate(json.loads(line))
    except ValueError:
        return None
