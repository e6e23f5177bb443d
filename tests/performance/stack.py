"""The stack itself: start, memory at rest, the price of a cheap request.

    python -m tests.performance.stack [--requests N] [--json OUT]

A stack of its own is started twice on a temporary folder: cold (empty data directory, layers built) and warm.
"""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.performance.figures import (
    machine,
    megabytes,
    milliseconds,
    percentile,
    rate,
    save,
    table,
    warn_if_busy,
)
from tests.performance.memory import ProcessMemory, by_name, family_memory
from tests.performance.service import LocalStack, Service, local_stack, warm_up

_REST_S = 10.0
_REQUESTS_LIMIT_S = 30.0
_PATH = "/users/me"


@dataclass(frozen=True)
class Requests:
    """Cheap authenticated requests.

    Attributes:
        count: Done, all of them answered 200.
        seconds: For all of them.
    """

    clients: int
    count: int
    seconds: float
    p50_s: float
    p95_s: float

    @property
    def per_s(self) -> float:
        return rate(self.count, self.seconds)


@dataclass(frozen=True)
class StackFigures:
    """One stack.

    Attributes:
        first_s: The first `up`; builds layers where that was never done on this machine.
        cold_s: `up` on an empty data directory with built layers.
        warm_s: `up` on a data directory that was used before.
        idle: Processes after the warm start, at rest.
        used: Processes at rest after one document, one search and the requests.
    """

    first_s: float
    cold_s: float
    warm_s: float
    idle: list[ProcessMemory]
    used: list[ProcessMemory]
    requests: list[Requests]


def measure(count: int) -> StackFigures:
    """Starts, uses and stops stacks; see the attributes of the result."""
    with local_stack() as stack:
        print("First start ...", flush=True)
        first_s = stack.up()
        stack.down()
    with local_stack() as stack:
        print("Cold start ...", flush=True)
        cold_s = stack.up()
        warm_up(Service(stack.base_url, stack.pid))
        stack.down()
        print("Warm start ...", flush=True)
        warm_s = stack.up()
        return _measure_running(stack, first_s, cold_s, warm_s, count)


def _measure_running(
    stack: LocalStack, first_s: float, cold_s: float, warm_s: float, count: int
) -> StackFigures:
    time.sleep(_REST_S)
    idle = family_memory(stack.pid)
    target = Service(stack.base_url, stack.pid)
    warm_up(target)
    print(f"GET {_PATH} ...", flush=True)
    token = target.bearer()
    requests = [measure_requests(target.base_url, token, count, clients) for clients in (1, 8)]
    time.sleep(_REST_S)
    return StackFigures(first_s, cold_s, warm_s, idle, family_memory(stack.pid), requests)


def measure_requests(base_url: str, token: str, count: int, clients: int) -> Requests:
    """Sends at most `count` requests for at most half a minute, each client waiting for its answer.

    Raises:
        httpx.HTTPStatusError: One was refused.
    """
    deadline = time.perf_counter() + _REQUESTS_LIMIT_S
    headers = {"Authorization": f"Bearer {token}"}

    def one_client(share: int) -> list[float]:
        times: list[float] = []
        with httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False) as http:
            http.get(_PATH).raise_for_status()
            while len(times) < share and time.perf_counter() < deadline:
                started = time.perf_counter()
                http.get(_PATH).raise_for_status()
                times.append(time.perf_counter() - started)
        return times

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = [one for times in pool.map(one_client, [max(1, count // clients)] * clients) for one in times]
    seconds = time.perf_counter() - started
    return Requests(clients, len(times), seconds, percentile(times, 0.5), percentile(times, 0.95))


def render(figures: StackFigures) -> str:
    """Start, requests and memory as tables."""
    kind = "PSS" if all(one.pss_bytes is not None for one in figures.used) else "PSS or RSS"
    start = {
        "first start": f"{figures.first_s:.1f} s",
        "cold start, layers built": f"{figures.cold_s:.1f} s",
        "warm start": f"{figures.warm_s:.1f} s",
        f"memory at rest after the start ({kind})": megabytes(_sum(figures.idle)),
        f"memory at rest after use ({kind})": megabytes(_sum(figures.used)),
    }
    for one in figures.requests:
        who = "1 client" if one.clients == 1 else f"{one.clients} clients"
        start[f"GET {_PATH}, {who}"] = (
            f"{one.per_s:.0f}/s, p50 {milliseconds(one.p50_s)}, p95 {milliseconds(one.p95_s)}"
        )
    columns = {"at rest after the start": _by_name(figures.idle), "at rest after use": _by_name(figures.used)}
    return f"{table('stack', {'footnote': start})}\n\n{table('processes', columns)}"


def _by_name(processes: Sequence[ProcessMemory]) -> dict[str, str]:
    return {
        name: megabytes(size) + (f" ({count})" if count > 1 else "")
        for name, (size, count) in by_name(processes).items()
    }


def _sum(processes: Sequence[ProcessMemory]) -> int:
    return sum(one.bytes for one in processes)


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=1000, help="requests per round (default: 1000)")
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    chosen = options.parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    figures = measure(chosen.requests)
    print(render(figures))
    saved: dict[str, Any] = asdict(figures) | {
        "idle_bytes": _sum(figures.idle),
        "used_bytes": _sum(figures.used),
        "requests": [asdict(one) | {"per_s": one.per_s} for one in figures.requests],
    }
    save(chosen.json, {"machine": on, "stack": saved})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
