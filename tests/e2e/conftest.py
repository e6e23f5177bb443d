"""The whole local stack, started by the command a person uses, once for all end-to-end tests."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.client import ApiClient
from local.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 240


@dataclass
class RunningStack:
    """A started stack; `footnote` runs the command against it."""

    data_dir: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def footnote(self, *arguments: str, check: bool = True, timeout: float = START_S):
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["FOOTNOTE_DATA_DIR"] = str(self.data_dir)
        result = subprocess.run(
            [sys.executable, "-m", "local.cli", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    def up(self, *options: str) -> None:
        self.footnote("up", "--detach", "--data-dir", str(self.data_dir), "--port", str(self.port), *options)

    def down(self) -> None:
        self.footnote("down", check=False)

    def status(self):
        return json.loads(self.footnote("status", "--json").stdout)

    def new_member(self) -> ApiClient:
        """A client signed in as a new account in an organization of its own."""
        client = ApiClient(self.url)
        email, password = f"member-{secrets.token_hex(6)}@footnote.example", secrets.token_urlsafe(18)
        client.register(email, password)
        client.login(email, password)
        return client


def pytest_collection_modifyitems(items):
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Reachable for the unprivileged user the engines run under."""
    data_dir = tmp_path_factory.mktemp("stack")
    for folder in (data_dir, *data_dir.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    running = RunningStack(data_dir, free_port())
    running.up()
    yield running
    running.down()


@pytest.fixture
def member(stack):
    with stack.new_member() as client:
        yield client


def wait_until_gone(pid: int, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise TimeoutError(f"process {pid} is still there")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)
