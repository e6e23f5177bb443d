"""What a function's execution environment is made of: command, variables, files.

As on Lambda the process sees its asset (`functions/__init__.py` and its own folder), the layers its manifest
names and the runtime's own packages, and nothing else: the base interpreter runs with `-S`, so that no
package of the development environment can stand in for one that a layer lacks.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from footnote.platform.manifest import FunctionManifest
from local.interpreter import bare_python, base_interpreter
from local.stack import ACCOUNT_ID, REGION, StackConfig, function_environment

ADAPTER = Path(__file__).with_name("adapter.py")


class Layers(Protocol):
    """Where the built layers lie."""

    def python_path(self, names: Iterable[str]) -> list[Path]:
        """What stands on `PYTHONPATH` of a function with these layers, the runtime's own packages last."""


@dataclass(frozen=True)
class ExecutionPlan:
    """How to start the environments of one function.

    Attributes:
        function: The function's name in the repository.
        command: The runtime process.
        environment: Its variables, less those that differ per environment.
        directory: The task directory, `/var/task` on Lambda.
        reads: What the process must be able to read.
        log: Where it prints to.
        timeout_s: Limit of one invocation.
        streaming: Whether it answers with a response stream.
    """

    function: str
    command: tuple[str, ...]
    environment: dict[str, str]
    directory: Path
    reads: tuple[Path, ...]
    log: Path
    timeout_s: float
    memory_mb: int
    streaming: bool

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{self.lambda_name}"

    @property
    def lambda_name(self) -> str:
        return self.environment["AWS_LAMBDA_FUNCTION_NAME"]


def make_plan(config: StackConfig, manifest: FunctionManifest, layers: Layers) -> ExecutionPlan:
    """Lays a function's task directory out and says how to run it."""
    folder = manifest.name.replace("-", "_")
    directory = _stage(config, folder)
    streaming = manifest.kind == "stream"
    trees = layers.python_path(manifest.layers)
    start = [str(ADAPTER)] if streaming else ["-m", "awslambdaric", manifest.handler]
    variables = function_environment(config, manifest)
    variables |= {
        "LAMBDA_TASK_ROOT": str(directory),
        "PYTHONPATH": os.pathsep.join(map(str, [directory, *trees])),
        "PATH": f"{bare_python(config.cache).parent}{os.pathsep}{variables['PATH']}",
    }
    if streaming:
        variables["_HANDLER"] = str(directory / "functions" / folder / manifest.handler)
    return ExecutionPlan(
        function=manifest.name,
        command=(str(base_interpreter()), "-S", *start),
        environment=variables,
        directory=directory,
        reads=(Path(sys.base_prefix), config.repository, config.cache, directory, ADAPTER),
        log=config.data.logs / "functions" / f"{manifest.name}.log",
        timeout_s=manifest.timeout_s,
        memory_mb=manifest.memory_mb,
        streaming=streaming,
    )


def _stage(config: StackConfig, folder: str) -> Path:
    """The asset of one function, by links, so that an edit counts from the next cold start on."""
    directory = config.data.run / "tasks" / folder
    shutil.rmtree(directory, ignore_errors=True)
    package = directory / "functions"
    package.mkdir(parents=True)
    sources = config.repository / "functions"
    (package / "__init__.py").symlink_to(sources / "__init__.py")
    (package / folder).symlink_to(sources / folder, target_is_directory=True)
    return directory
