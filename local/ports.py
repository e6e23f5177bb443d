"""Free TCP ports on the loopback address."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Collection, Iterable
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range from which systems take ports for outgoing connections, so that a port stays ours.
_CHOICE = range(20_000, 32_000)


def free_port() -> int:
    """A TCP port that nobody listens on now, and that no outgoing connection will take.

    Raises:
        OSError: Nearly every port is taken.
    """
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many different ports like that of `free_port`; same error."""
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(_choose(set(chosen)))
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts(port: int, timeout_s: float = 0.2) -> bool:
    """Whether a server accepts connections on the port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def remembered_ports(file: Path, names: Iterable[str], promised: Collection[int] = ()) -> dict[str, int]:
    """One port per name, the same at every start as long as nobody else took it meanwhile.

    Args:
        file: Where the choice is kept.
        names: Of the servers.
        promised: Ports of others that do not listen yet.

    Raises:
        OSError: Nearly every port is taken.
    """
    try:
        known = {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        known = {}
    chosen: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        taken = {*chosen.values(), *promised}
        if port is None or port in taken or not is_free(port):
            port = _choose(taken | set(known.values()))
        chosen[name] = port
    if chosen != known:
        file.write_text(json.dumps(chosen, indent=1))
    return chosen


def first_free(wanted: int, attempts: int = 20) -> int | None:
    """The wanted port, or the next one above it that is free; None if all of them are taken."""
    return next((port for port in range(wanted, wanted + attempts) if is_free(port)), None)


def _choose(taken: set[int]) -> int:
    # Not the module's generator: processes that seeded it alike would choose alike.
    for port in random.SystemRandom().sample(_CHOICE, 200):
        if port not in taken and is_free(port):
            return port
    raise OSError(f"no free port found between {_CHOICE.start} and {_CHOICE.stop}")
