"""What can be wrong with a machine, and how to mend it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from local.control import read_state
from local.engines import EngineError, postgres, redis
from local.paths import REPOSITORY, DataPaths
from local.ports import first_free
from local.privileges import child_command, is_reachable, service_account

Verdict = Literal["ok", "warning", "problem"]

_FREE_BYTES = 2 * 2**30
_MEMORY_BYTES = 2 * 2**30
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)( *;)?", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        mend: What to do about it; empty when all is well.
    """

    check: str
    verdict: Verdict
    text: str
    mend: str = ""


def examine(data: DataPaths, cache: Path) -> Iterator[Finding]:
    """Runs all checks, one after the other."""
    checks: list[Callable[[], Finding]] = [
        _python,
        _environment,
        _locks,
        lambda: _disk(data.root),
        _memory,
        lambda: _port(data),
        lambda: _account(data, cache),
        lambda: _program("PostgreSQL", lambda: postgres.binaries() / "postgres"),
        lambda: _program("Redis", redis.binary),
        _bytecode,
    ]
    for check in checks:
        yield check()


def _python() -> Finding:
    """An older Python than 3.11 cannot read this file; the Makefile says so."""
    return Finding("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def _environment() -> Finding:
    if sys.prefix == sys.base_prefix:
        mend = "Use the environment that `make run` creates: .venv/bin/footnote."
        return Finding("environment", "problem", f"{sys.prefix} is not a virtual environment", mend)
    return Finding("environment", "ok", sys.prefix)


def _locks() -> Finding:
    """Compares what is installed with requirements/local.txt, which may name a package once per platform."""
    lock = (REPOSITORY / "requirements" / "local.txt").read_text()
    wanted: dict[str, set[str]] = {}
    optional: set[str] = set()
    for name, version, marker in _LOCKED.findall(lock):
        wanted.setdefault(name, set()).add(version)
        optional |= {name} if marker else set()
    wrong = [
        text for name, versions in wanted.items() if (text := _difference(name, versions, name in optional))
    ]
    if wrong:
        text = f"{len(wrong)} packages differ from requirements/local.txt: {', '.join(wrong[:5])}"
        return Finding("packages", "problem", text, "Run `make clean run`: it makes the environment again.")
    return Finding("packages", "ok", "as locked")


def _difference(name: str, versions: set[str], optional: bool) -> str:
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "" if optional else f"{name} is missing"
    return "" if installed in versions else f"{name} is {installed}, not {' or '.join(sorted(versions))}"


def _disk(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    text = f"{free / 2**30:.1f} GB free for {directory}"
    if free < _FREE_BYTES:
        return Finding("disk", "problem", text, "Make room, or choose another folder with FOOTNOTE_DATA_DIR.")
    return Finding("disk", "ok", text)


def _memory() -> Finding:
    import psutil

    available = psutil.virtual_memory().available
    text = f"{available / 2**30:.1f} GB available"
    if available < _MEMORY_BYTES:
        return Finding("memory", "warning", text, "Two gigabytes are comfortable; end something large.")
    return Finding("memory", "ok", text)


def _port(data: DataPaths) -> Finding:
    running = read_state(data.state)
    if running is not None:
        return Finding("port", "ok", f"a stack serves at {running.api_url}")
    free = first_free(8000)
    if free is None:
        return Finding(
            "port", "problem", "ports 8000 to 8019 are taken", "Start with `footnote up --port N`."
        )
    if free != 8000:
        return Finding(
            "port", "warning", "port 8000 is taken", f"The API will take {free}, or choose with --port."
        )
    return Finding("port", "ok", "port 8000 is free")


def _account(data: DataPaths, cache: Path) -> Finding:
    """Whether the account that servers run under can run Python and see what it needs."""
    account = service_account()
    if not account.switches:
        return Finding("account", "ok", f"uid {os.geteuid()}, servers run as yourself")
    needed = (Path(sys.executable), Path(sys.base_prefix), REPOSITORY, data.root, cache)
    try:
        probe = child_command([sys.executable, "-c", "import local.paths"], reads=needed)
        environment = {"PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "layers" / "core")))}
        done = subprocess.run(probe, env=environment, cwd="/", capture_output=True, text=True, check=False)
    except RuntimeError as error:
        return Finding("account", "problem", str(error), "Or run Footnote as an ordinary user.")
    if done.returncode != 0:
        mend = "Move the repository and Python out of private folders, or run Footnote as an ordinary user."
        return Finding(
            "account", "problem", f"uid {account.uid} cannot run Python: {done.stderr.strip()[-300:]}", mend
        )
    hidden = [str(path) for path in needed if not is_reachable(path, account)]
    how = f", with leave to read {', '.join(hidden)}" if hidden else ""
    return Finding("account", "ok", f"root; servers run as uid {account.uid}{how}")


def _program(name: str, find: Callable[[], Path]) -> Finding:
    try:
        program = find()
        command = child_command([program, "--version"], reads=(program.parent,))
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    except (EngineError, OSError, RuntimeError) as error:
        return Finding(name, "problem", str(error), "Run `make clean run`.")
    if done.returncode != 0:
        mend = "The package's build does not fit this system; Debian 12 or newer, or a Mac, are known to do."
        return Finding(name, "problem", f"{program} does not run: {done.stderr.strip()[-300:]}", mend)
    return Finding(name, "ok", f"{done.stdout.strip()}")


def _bytecode() -> Finding:
    if sys.dont_write_bytecode:
        text = "PYTHONDONTWRITEBYTECODE is set: every start of a program compiles its modules again"
        return Finding(
            "bytecode", "warning", text, "Unset it; `make run` and `footnote up` do so for what they start."
        )
    return Finding("bytecode", "ok", "is written")
