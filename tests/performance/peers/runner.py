"""Runs a peer in its own process and environment and brings its report back."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.performance.peers.database import peer_database
from tests.performance.peers.environment import PeerEnvironment
from tests.performance.peers.protocol import Report, ShortText, Task

PEERS = ("llamaindex", "langchain")
_LOG_TAIL_CHARACTERS = 3000


class PeerError(RuntimeError):
    """A peer's process failed or ran out of time; the message ends with what it printed."""


def run_peer(
    environment: PeerEnvironment,
    name: str,
    *,
    files: Sequence[Path] = (),
    texts: Sequence[ShortText] = (),
    queries: Sequence[str] = (),
    depth: int = 10,
    limit_s: float,
) -> Report:
    """Lets a peer do a task on an empty database.

    Args:
        name: One of `PEERS`.
        limit_s: When the process is ended, in seconds.

    Raises:
        PeerError: See there.
    """
    print(f"Measuring {name} ...", flush=True)
    with peer_database(name) as database, tempfile.TemporaryDirectory(prefix="footnote-peer-") as folder:
        task = Task(
            peer=name,
            database=database,
            model=str(environment.model),
            files=tuple(str(path.resolve()) for path in files),
            texts=tuple(texts),
            queries=tuple(queries),
            depth=depth,
        )
        task.write(Path(folder) / "task.json")
        _run(environment, Path(folder), limit_s)
        return Report.read(Path(folder) / "report.json")


def _run(environment: PeerEnvironment, folder: Path, limit_s: float) -> None:
    command = [str(environment.python), "-m", "tests.performance.peers.worker"]
    log = folder / "log"
    with log.open("wb") as output:
        try:
            subprocess.run(
                [*command, str(folder / "task.json"), str(folder / "report.json")],
                cwd=environment.work,
                env=environment.variables(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=limit_s,
                check=True,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            tail = log.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:]
            raise PeerError(f"{error}\n{tail}") from error
