"""The stages, synthesised once."""

import os

import pytest

from tests.support.infra import STAGES, stage

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")


@pytest.fixture(scope="session")
def stages(tmp_path_factory):
    """All stages as they are configured, by name."""
    return {name: stage(name, tmp_path_factory.mktemp(name)) for name in STAGES}


@pytest.fixture(scope="session", params=STAGES)
def synthesised(request, stages):
    """One stage after the other."""
    return stages[request.param]
