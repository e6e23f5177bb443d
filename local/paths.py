"""Where things lie: the repository, the data of one stack, the cache shared by all stacks."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
_NAME = ".footnote"


@dataclass(frozen=True)
class DataPaths:
    """The files of one stack below its data directory."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        return self.root / "redis"

    @property
    def objects(self) -> Path:
        """The journal of everything stored in the AWS APIs."""
        return self.root / "aws"

    @property
    def mail(self) -> Path:
        """What functions mailed."""
        return self.root / "mail"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Pid files, the lock and the state file of the running stack."""
        return self.root / "run"

    @property
    def state(self) -> Path:
        return self.run / "stack.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def account(self) -> Path:
        """The sample account that the `footnote` command signs in with."""
        return self.root / "account.json"


def data_directory(chosen: Path | None = None) -> Path:
    """The data directory: the chosen one, `FOOTNOTE_DATA_DIR`, or `.footnote` in the repository.

    Where the repository is read-only the user's data home is taken instead.

    Raises:
        PermissionError: The chosen directory cannot be written, or belongs to something else.
    """
    named = chosen or (Path(value) if (value := os.environ.get("FOOTNOTE_DATA_DIR")) else None)
    if named is not None:
        directory = named.expanduser().resolve()
        if not _is_writable(directory):
            raise PermissionError(f"the data directory {directory} cannot be written")
        if not _is_ours(directory):
            raise PermissionError(f"{directory} is not empty and holds no data of Footnote")
        return directory
    return _first_writable([REPOSITORY / _NAME, _data_home() / "footnote"])


def cache_directory() -> Path:
    """The cache of layers and model files: `FOOTNOTE_CACHE_DIR`, or `.footnote/cache` in the repository."""
    named = os.environ.get("FOOTNOTE_CACHE_DIR")
    if named:
        return Path(named).expanduser().resolve()
    return _first_writable([REPOSITORY / _NAME / "cache", _data_home() / "footnote" / "cache"])


def _data_home() -> Path:
    named = os.environ.get("XDG_DATA_HOME")
    if named:
        return Path(named)
    home = Path(os.environ.get("HOME") or tempfile.gettempdir())
    return home / ".local" / "share"


def _first_writable(candidates: list[Path]) -> Path:
    for candidate in candidates:
        if _is_writable(candidate):
            return candidate
    raise PermissionError(f"none of these directories can be written: {', '.join(map(str, candidates))}")


def _is_ours(directory: Path) -> bool:
    """Whether a directory may be taken: its owner and mode are changed for the servers' account."""
    return DataPaths(directory).run.exists() or not any(directory.iterdir())


def _is_writable(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False
