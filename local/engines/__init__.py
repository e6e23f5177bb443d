"""The engines of the local stack, each a real server process."""

from __future__ import annotations

from typing import Protocol

from local.engines.process import EngineError, ServerProcess

__all__ = ["Engine", "EngineError", "ServerProcess"]


class Engine(Protocol):
    """What the supervisor knows of an engine.

    Attributes:
        name: Names its log, pid file and data.
        title: Names it for people.
        port: Where it listens.
        start_timeout_s: How long a start may take; recovery after a crash included.
    """

    name: str
    title: str
    port: int
    start_timeout_s: float
    process: ServerProcess

    def prepare(self) -> None:
        """Makes the engine startable, whatever an earlier run left behind. Blocks; any thread."""

    def start(self) -> None:
        """Starts the process. Main thread only: children end with the thread that started them."""

    def ready(self) -> bool:
        """Whether it serves. Blocks briefly."""

    def stop(self) -> None:
        """Ends it in its own orderly way. Blocks."""
