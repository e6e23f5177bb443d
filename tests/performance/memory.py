"""Memory of a family of processes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

_EVERY_S = 1.0


@dataclass(frozen=True)
class ProcessMemory:
    """One process.

    Attributes:
        pss_bytes: Proportional set size: shared pages are split between those who share them; `None` where
            the system does not tell.
    """

    pid: int
    name: str
    rss_bytes: int
    pss_bytes: int | None

    @property
    def bytes(self) -> int:
        """PSS where it is known, else RSS."""
        return self.rss_bytes if self.pss_bytes is None else self.pss_bytes


def family_memory(pid: int) -> list[ProcessMemory]:
    """Memory of a process and everything below it; who ended meanwhile is left out.

    Raises:
        psutil.NoSuchProcess: The process itself is not there.
    """
    parent = psutil.Process(pid)
    found = (_of(process) for process in [parent, *parent.children(recursive=True)])
    return [memory for memory in found if memory is not None]


def _of(process: psutil.Process) -> ProcessMemory | None:
    try:
        rss = process.memory_info().rss
        name = _label(process)
    except psutil.NoSuchProcess:
        return None
    try:
        pss = process.memory_full_info().pss
    except (psutil.AccessDenied, psutil.NoSuchProcess, AttributeError):
        pss = None  # another account's process, or a system without PSS
    return ProcessMemory(process.pid, name, rss, pss)


def by_name(processes: Sequence[ProcessMemory]) -> dict[str, tuple[int, int]]:
    """Bytes and number of the processes of each name, the largest first."""
    sizes: Counter[str] = Counter()
    for one in processes:
        sizes[one.name] += one.bytes
    counts = Counter(one.name for one in processes)
    return {name: (size, counts[name]) for name, size in sizes.most_common()}


def _label(process: psutil.Process) -> str:
    """The function an execution environment serves, else the module, script or program that runs."""
    try:
        function: str | None = process.environ().get("AWS_LAMBDA_FUNCTION_NAME")
    except psutil.AccessDenied:
        function = None  # another account's process
    if function is not None:
        return f"function {function.removeprefix('footnote-')}"
    words: list[str] = process.cmdline()
    application = next((word for word in words if word.endswith(":app")), None)
    if application is not None:
        return application.removesuffix(":app")
    program: str = process.name()
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1]
    script = next((word for word in words[1:] if word.endswith(".py")), None)
    return script.rsplit("/", 1)[-1] if script and "python" in program else program


@dataclass
class Peak:
    """The highest sum seen so far, in bytes."""

    bytes: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Samples until told to stop or the process is gone."""
        while not self._stop.is_set():
            try:
                self.bytes = max(self.bytes, sum(one.bytes for one in family_memory(pid)))
            except psutil.NoSuchProcess:
                return
            self._stop.wait(_EVERY_S)

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def peak_memory(pid: int | None) -> Iterator[Peak]:
    """Samples the memory of a family of processes once a second; stays 0 without a process."""
    peak = Peak()
    if pid is None:
        yield peak
        return
    sampler = threading.Thread(target=peak.watch, args=(pid,), daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        peak.stop()
        sampler.join()
