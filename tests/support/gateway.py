"""A gateway that serves nothing and remembers what the supervisor asked of it."""

from __future__ import annotations


class RecordingGateway:
    """Stands where the gateway stands, for tests of the supervisor alone."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def drain(self) -> None:
        self.calls.append("drain")

    async def stop(self) -> None:
        self.calls.append("stop")

    async def engine_restarted(self, name: str) -> None:
        self.calls.append(f"restarted {name}")
