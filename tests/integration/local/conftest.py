"""Stacks of tiny functions."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from local.engines.moto import MotoEngine
from local.ports import free_port
from local.stack import ACCOUNT_ID, REGION
from tests.support.stack import GATEWAY_FUNCTIONS, fixture_manifests, running_gateway, stack_config


@pytest.fixture
def data_root():
    """An empty directory that the unprivileged account can reach (pytest's own is private)."""
    root = Path(tempfile.mkdtemp(prefix="footnote-stack-"))
    yield root
    shutil.rmtree(root)


@pytest.fixture
def config(data_root):
    return stack_config(data_root)


@pytest.fixture
def open_directory(data_root):
    """A directory that functions may write into."""
    directory = data_root / "open"
    directory.mkdir()
    directory.chmod(0o777)
    return directory


@pytest.fixture(scope="session")
def moto():
    """moto's server; one per test process."""
    root = Path(tempfile.mkdtemp(prefix="footnote-moto-"))
    root.chmod(0o755)
    engine = MotoEngine(
        free_port(), log=root / "aws.log", run_directory=root, region=REGION, account_id=ACCOUNT_ID
    )
    engine.prepare()
    engine.start()
    engine.process.wait_until(engine.ready, engine.start_timeout_s)
    yield engine
    engine.stop()
    shutil.rmtree(root)


@pytest.fixture
async def stack(data_root, open_directory, moto):
    """A gateway with all tiny functions, in front of moto."""
    config = stack_config(data_root, moto_port=moto.port)
    manifests = [each for each in fixture_manifests().values() if each.name in GATEWAY_FUNCTIONS]
    async with running_gateway(config, manifests) as running:
        yield running


@pytest.fixture(scope="session")
def events():
    """A sample event by name, as AWS sends it."""
    folder = Path(__file__).resolve().parents[3] / "events"
    return lambda name: json.loads((folder / f"{name}.json").read_text())
