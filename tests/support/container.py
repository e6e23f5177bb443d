"""A model container on a port of its own, started as it is deployed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RunningContainer:
    """A ready container.

    Attributes:
        url: Its address.
        process: Its server.
    """

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def running_container(
    model: Path, log: Path, function: str = "embedding", **environment: str
) -> Iterator[RunningContainer]:
    """Runs `functions/<function>/run.sh` until the block ends.

    Args:
        model: A model directory.
        log: Where its output goes.
        function: Which container.
        environment: Further settings.
    """
    port = free_port()
    variables = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{REPOSITORY / 'layers' / 'core'}{os.pathsep}{REPOSITORY}",
        "SAGEMAKER_BIND_TO_PORT": str(port),
        f"{function.upper()}_MODEL_DIRECTORY": str(model),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", REPOSITORY / "functions" / function / "run.sh", "serve"],
            env=variables | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(f"http://127.0.0.1:{port}", process, log)
        yield RunningContainer(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def check_refusal(response: httpx.Response, status: int, says: str) -> None:
    """The answer has the form of all errors of a container, and names what is wrong."""
    assert response.status_code == status
    error = response.json()
    assert set(error) == {"code", "type", "message"}
    assert error["code"] == status
    assert says in error["message"]


async def check_routes(client: httpx.AsyncClient) -> None:
    """Nothing is served but SageMaker's two routes, and those for JSON only."""
    response = await client.post("/invocations", content=b"a", headers={"Content-Type": "text/csv"})
    assert (response.status_code, response.json()["type"]) == (415, "UnsupportedMediaType")
    assert (await client.get("/invocations")).status_code == 405
    assert (await client.get("/")).status_code == 404


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/ping", trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the container did not become ready:\n{log.read_text()}")
