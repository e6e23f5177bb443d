"""What a function weighs and how long its imports take: `python -m tests.performance.cold_start`.

Each function's handler is imported in a process of its own that sees what Lambda would show it: the
function's folder, the layers that its `function.toml` names and the runtime's packages, with bytecode.
Printed: unpacked megabytes for Lambda on arm64, and milliseconds of the import (median and least of several
runs, wall and CPU), beside a bare interpreter and the budget of the `function.toml`. The exit status is 1
if a size is over its budget; times are only marked, because machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from footnote.platform.manifest import FunctionManifest, load_manifests
from infra.cdk.bundling import REPOSITORY, Assets
from local.interpreter import base_interpreter
from local.layers import LayerStore
from local.paths import cache_directory

_MEASURE = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
module = sys.argv[1]
if module:
    __import__(module)
print(json.dumps([1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--function", action="append")
    parser.add_argument("--no-sizes", action="store_true", help="do not build the layers for Lambda")
    chosen = parser.parse_args()
    layers = LayerStore(cache_directory(), report=print)
    manifests = [
        each
        for each in load_manifests(REPOSITORY / "functions")
        if each.kind != "container" and (not chosen.function or each.name in chosen.function)
    ]
    assets = Assets(cache_directory())
    over = False
    print(f"{'function':14}{'MB':>8}{'budget':>8}{'import ms':>11}{'least':>8}{'CPU':>8}{'budget':>8}")
    with tempfile.TemporaryDirectory() as scratch:
        bare = _measured(["-S"], "", {}, chosen.runs)
        print(f"{'(interpreter)':14}{'':16}{bare[0]:11.0f}{bare[1]:8.0f}{bare[2]:8.0f}")
        for manifest in manifests:
            over |= _row(manifest, layers, None if chosen.no_sizes else assets, chosen.runs, Path(scratch))
    return 1 if over else 0


def _row(
    manifest: FunctionManifest, layers: LayerStore, assets: Assets | None, runs: int, scratch: Path
) -> bool:
    folder = scratch / manifest.name
    package = folder / "functions"
    package.mkdir(parents=True)
    own = manifest.name.replace("-", "_")
    for name in ("__init__.py", own):
        (package / name).symlink_to(REPOSITORY / "functions" / name)
    path = [folder, *layers.python_path(manifest.layers)]
    environment = {"PYTHONPATH": ":".join(map(str, path)), "APP_ENVIRONMENT": "development"}
    median, least, cpu = _measured(["-S"], f"functions.{own}.handler", environment, runs)
    size = assets.size(manifest.name, manifest.layers) / 2**20 if assets else 0.0
    too_large = size > manifest.budget.size_mb
    slow = " slow" if least > manifest.budget.import_ms else ""
    print(
        f"{manifest.name:14}{size:8.1f}{manifest.budget.size_mb:8d}{median:11.0f}{least:8.0f}{cpu:8.0f}"
        f"{manifest.budget.import_ms:8d}{slow}{' too large' if too_large else ''}"
    )
    return too_large


def _measured(
    options: list[str], module: str, environment: dict[str, str], runs: int
) -> tuple[float, float, float]:
    """Median and least wall time, least CPU time, in milliseconds; the first run warms the disk's cache."""
    command = [str(base_interpreter()), *options, "-c", _MEASURE, module]
    samples = []
    for _ in range(runs + 1):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        samples.append(json.loads(done.stdout.splitlines()[-1]))
    walls, cpus = zip(*samples[1:], strict=True)
    return statistics.median(walls), min(walls), min(cpus)


if __name__ == "__main__":
    sys.exit(main())
