"""Stacks of tiny functions."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.stack import stack_config


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
