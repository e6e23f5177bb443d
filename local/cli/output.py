"""How the command speaks: plain lines, with colour and a spinner where there is a terminal."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from local.progress import Event

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

_WORTH_A_LINE_S = 0.95


def fail(message: str, hint: str = "") -> None:
    """Says what went wrong, and how to mend it."""
    errors.print(f"[red]error:[/red] {escape(message)}")
    if hint:
        errors.print(escape(hint))


class ProgressDisplay:
    """Shows steps while they run and says what the longer ones took."""

    def __init__(self) -> None:
        self._running: list[str] = []
        self._lock = threading.Lock()
        self._status: Status | None = None

    def __enter__(self) -> Self:
        if console.is_terminal:
            self._status = console.status("preparing")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if event.state == "started":
            self._running.append(event.step)
            if self._status is None:
                console.print(f"  {escape(event.step)} ...")
        elif event.state in {"done", "failed"}:
            if event.step in self._running:
                self._running.remove(event.step)
            self._tell_end(event)
        elif event.state == "note":
            console.print(f"  {escape(event.step)}: {escape(event.text)}")
        if self._status is not None:
            self._status.update(", ".join(self._running) or "starting")

    @staticmethod
    def _tell_end(event: Event) -> None:
        if event.state == "failed":
            console.print(f"  [red]failed[/red] {escape(event.step)}")
        elif event.seconds >= _WORTH_A_LINE_S or not console.is_terminal:
            console.print(f"  [green]done[/green] {escape(event.step)} [dim]({event.seconds:.1f} s)[/dim]")


def print_answer(answer: dict[str, Any]) -> None:
    """An answer with what no document supports of it, and its numbered sources."""
    console.print()
    console.print(escape(answer["answer"]))
    for sentence in _unsupported(answer):
        console.print(f"[yellow]No document supports: “{escape(sentence)}”[/yellow]")
    for source in answer["sources"]:
        console.print()
        console.print(
            f"[bold]\\[{source['number']}] {escape(source['title'])}[/bold]{escape(_place(source))}"
        )
        console.print(f"    [dim]“{escape(' '.join(source['excerpt'].split()))}”[/dim]")
    console.print()


def _unsupported(answer: dict[str, Any]) -> list[str]:
    grounding = (answer.get("metadata") or {}).get("grounding") or {"sentences": []}
    return [
        answer["answer"][one["start"] : one["end"]]
        for one in grounding["sentences"]
        if one["verdict"] == "unsupported"
    ]


def _place(source: dict[str, Any]) -> str:
    """Where in its document a source stands: file, page or slide or sheet, headings."""
    parts = [source["filename"]]
    location = source.get("location")
    if location and location["from"] is not None:
        last = f"-{location['to']}" if location["to"] not in {None, location["from"]} else ""
        label = f" {location['label']}" if location["label"] else ""
        parts.append(f"{location['kind']} {location['from']}{last}{label}")
    if source.get("heading_path"):
        parts.append(" > ".join(source["heading_path"]))
    return f" ({', '.join(parts)})"
