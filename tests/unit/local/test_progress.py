"""Progress reaches the process that reads it, and nobody is hurt when it stops reading."""

from __future__ import annotations

import io
import os

import pytest

from local.progress import Event, LineReporter, parse_line, step


def test_a_step_tells_its_start_end_and_time() -> None:
    told: list[Event] = []
    with step(told.append, "engine"):
        pass
    assert [event.state for event in told] == ["started", "done"]
    assert told[1].seconds >= 0


def test_a_failed_step_tells_why_and_raises() -> None:
    told: list[Event] = []
    with pytest.raises(ValueError, match="no disk"), step(told.append, "engine"):
        raise ValueError("no disk")
    assert (told[1].state, told[1].text) == ("failed", "no disk")


def test_events_survive_the_way_between_processes() -> None:
    stream = io.StringIO()
    event = Event(step="layer core", state="failed", text='line one\n"line two"', seconds=1.5)
    LineReporter(stream)(event)
    assert parse_line(stream.getvalue()) == event
    assert parse_line("some library's own words\n") is None
    assert parse_line('{"step": "x"}') is None


def test_a_reader_that_left_does_no_harm() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        report = LineReporter(stream)
        os.close(reading)
        for _ in range(3):
            report(Event(step="engine", state="started"))
        stream.write("a late word goes nowhere")
        stream.flush()
