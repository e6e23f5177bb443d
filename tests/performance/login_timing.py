"""Whether the time of a refused login tells if the address has an account (reliability.md, 3.5).

    python -m tests.performance.login_timing [--pairs N] [--json OUT]

Interleaves logins with a wrong password for known and for unknown addresses against real Postgres, with the
product's own hashing parameters. The aim: medians differ by less than 5 %, and the Mann-Whitney U test finds
no difference (p > 0.01).
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from footnote.identity.authentication import Authentication
from footnote.platform.errors import NotAuthenticated
from footnote.platform.settings import IdentitySettings
from tests.performance.figures import machine, milliseconds, percentile, save, table, warn_if_busy
from tests.support.accounts import PASSWORD, new_email
from tests.support.identity import close, identity_secrets, make_container
from tests.support.postgres import running_cluster
from tests.support.redis import running_redis

ACCOUNTS = 20


def mann_whitney_p(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided p of the Mann-Whitney U test, by the normal approximation (times hardly ever tie).

    Args:
        one: A sample of more than twenty values.
        other: Another.
    """
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    rank_sum = sum(rank for rank, (_, sample) in enumerate(ranked, start=1) if sample == 0)
    n, m = len(one), len(other)
    u = rank_sum - n * (n + 1) / 2
    deviation = math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(u - n * m / 2) / deviation / math.sqrt(2))


async def _refused_login(authentication: Authentication, email: str) -> float:
    """Seconds until a wrong password was refused."""
    started = time.perf_counter()
    try:
        await authentication.login(email, "not the password")
    except NotAuthenticated:
        return time.perf_counter() - started
    raise AssertionError("the wrong password was accepted")


async def _measure(authentication: Authentication, pairs: int) -> tuple[list[float], list[float]]:
    known = [new_email() for _ in range(ACCOUNTS)]
    for email in known:
        await authentication.register(email, PASSWORD)
        await _refused_login(authentication, email)
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(pairs):
        kinds = [0, 1]
        random.shuffle(kinds)
        for kind in kinds:
            email = known[number % ACCOUNTS] if kind == 0 else new_email()
            times[kind].append(await _refused_login(authentication, email))
    return times


def measure(pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of refused logins: known addresses, unknown addresses."""
    defaults = IdentitySettings()
    limits: dict[str, Any] = {
        "argon2_memory_kib": defaults.argon2_memory_kib,
        "argon2_time_cost": defaults.argon2_time_cost,
        "max_login_attempts": 10_000_000,
    }
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        for folder in folders:
            folder.chmod(0o755)
        cluster = stack.enter_context(running_cluster(folders[0]))
        redis = stack.enter_context(running_redis(folders[1]))
        database = stack.enter_context(cluster.migrated_database())
        container = make_container(database, redis, "footnote_auth", identity_secrets(), **limits)

        async def run() -> tuple[list[float], list[float]]:
            try:
                return await _measure(container.authentication, pairs)
            finally:
                await close(container)

        return asyncio.run(run())


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--pairs", type=int, default=500, help="logins of each kind (default: 500)")
    options.add_argument("--json", type=Path, help="write the figures here")
    chosen = options.parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    known, unknown = measure(chosen.pairs)
    p = mann_whitney_p(known, unknown)
    difference = median(unknown) / median(known) - 1
    columns = {
        name: {"median": milliseconds(median(times)), "p95": milliseconds(percentile(times, 0.95))}
        for name, times in (("known address", known), ("unknown address", unknown))
    }
    print(table(f"refused logins ({chosen.pairs} of each)", columns))
    print(f"Medians differ by {100 * difference:+.1f} %; Mann-Whitney p = {p:.3f}")
    figures = {"difference": difference, "p": p, "known_s": median(known), "unknown_s": median(unknown)}
    save(chosen.json, {"machine": on, "pairs": chosen.pairs, **figures})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
