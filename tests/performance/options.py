"""Command line options that the measurements share."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.performance.peers.runner import PEERS

LIMIT_S = 1800.0


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options every comparison has."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--base-url", help="a stack that runs on this machine (default: one is started)")
    options.add_argument(
        "--systems",
        type=_systems,
        default=("footnote", *PEERS),
        help=f"what to measure, separated by commas (default: footnote,{','.join(PEERS)})",
    )
    options.add_argument(
        "--limit-s", type=float, default=LIMIT_S, help="longest run of one system, in seconds"
    )
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    return options


def _systems(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    unknown = set(names) - {"footnote", *PEERS}
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"choose from footnote,{','.join(PEERS)}")
    return names
