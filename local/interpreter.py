"""The Python of functions and the models container: the base interpreter, without packages of its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path


def base_interpreter() -> Path:
    """The Python that the virtual environment was made from."""
    return Path(getattr(sys, "_base_executable", sys.executable))


def bare_python(cache: Path) -> Path:
    """A program `python` that sees no packages but those on `PYTHONPATH`, for start commands (`run.sh`).

    Start commands call `python`; on Lambda and in a container that is the image's own. Here it has to be one
    without the packages of the virtual environment or the system, so that a missing layer is missed.

    Returns:
        The program; put its folder first on `PATH`.
    """
    program = cache / "bin" / "python"
    script = f'#!/bin/sh\nexec {shlex.quote(str(base_interpreter()))} -S "$@"\n'
    if not program.exists() or program.read_text() != script:
        program.parent.mkdir(parents=True, exist_ok=True)
        scratch = program.with_name(f".python.{os.getpid()}")
        scratch.write_text(script)
        scratch.chmod(0o755)
        scratch.rename(program)
    return program
