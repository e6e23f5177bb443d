"""Who the servers run as: an unprivileged account when `footnote` itself is started by root.

Database servers refuse to run as root, and functions never do on Lambda either. As root every child is
started through `setpriv` under the account "nobody". Where that account may not search a directory on the
way to the interpreter, the repository or the data (a checkout in `/root`, say), it is given one ambient
capability that lets it read, and nothing else of root's powers.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

SERVICE_UID = 65534
SERVICE_GID = 65534
# Bit numbers of linux/capability.h. Containers often hold the second alone.
_READ_CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}


@dataclass(frozen=True)
class Account:
    """The account that children run under; `None` ids mean: the caller's own."""

    uid: int | None
    gid: int | None

    @property
    def switches(self) -> bool:
        return self.uid is not None


@lru_cache(maxsize=1)
def service_account() -> Account:
    """The unprivileged account when running as root, else the caller's own."""
    if os.geteuid() == 0:
        return Account(SERVICE_UID, SERVICE_GID)
    return Account(None, None)


def is_reachable(path: Path, account: Account) -> bool:
    """Whether the account may search every directory on the way to `path` and read `path` itself."""
    if not account.switches:
        return True
    target = path.resolve()
    return all(_admits(parent, account, stat.S_IXOTH) for parent in target.parents) and _admits(
        target, account, stat.S_IXOTH | stat.S_IROTH if target.is_dir() else stat.S_IROTH
    )


def _admits(path: Path, account: Account, others: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return True
    bits = (
        others << 6
        if status.st_uid == account.uid
        else others << 3
        if status.st_gid == account.gid
        else others
    )
    return status.st_mode & bits == bits


@lru_cache(maxsize=1)
def read_capability() -> str | None:
    """The narrowest capability of this process that lets a child read past directory permissions."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    bounding = next((int(line.split()[1], 16) for line in lines if line.startswith("CapBnd:")), 0)
    return next((name for name, bit in _READ_CAPABILITIES.items() if bounding >> bit & 1), None)


def child_command(
    argv: Sequence[str | Path],
    *,
    reads: Iterable[Path] = (),
    death_signal: signal.Signals | None = signal.SIGKILL,
) -> list[str]:
    """The command line that starts `argv` unprivileged and tied to the life of its parent.

    The child gets `death_signal` when the thread that started it ends, so start children from a thread
    that lives as long as the process (the main thread, an event loop there).

    Args:
        argv: The program (an absolute path) and its arguments.
        reads: What the child has to read besides the program: interpreter, repository, data directory.
        death_signal: What the kernel sends the child when its parent dies (Linux only); None lets it live on.

    Raises:
        RuntimeError: Running as root without a way to give root's powers up.
    """
    command = [str(part) for part in argv]
    setpriv = shutil.which("setpriv")
    account = service_account()
    if setpriv is None:
        if account.switches:
            raise RuntimeError(
                "running as root needs the program setpriv (package util-linux), or start as an ordinary user"
            )
        return command
    prefix = [setpriv]
    if sys.platform == "linux" and death_signal is not None:
        prefix += ["--pdeathsig", death_signal.name.removeprefix("SIG")]
    if account.switches:
        prefix += [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
        prefix += _capability_options([Path(command[0]), *reads], account)
    return [*prefix, "--", *command]


def _capability_options(reads: Iterable[Path], account: Account) -> list[str]:
    if all(is_reachable(path, account) for path in reads):
        return ["--inh-caps=-all", "--bounding-set=-all"]
    capability = read_capability()
    if capability is None:
        hidden = next(path for path in reads if not is_reachable(path, account))
        raise RuntimeError(f"uid {account.uid} cannot read {hidden}: move it out of a private directory")
    sets = [f"--{name}=-all,+{capability}" for name in ("inh-caps", "ambient-caps", "bounding-set")]
    # Without this bit access(2), with which PostgreSQL looks for its own programs, ignores the capability.
    return ["--securebits=+no_setuid_fixup", *sets]


def give(path: Path, *, recursive: bool = True) -> None:
    """Hands a file, or a directory and all in it, to the service account, if there is one."""
    account = service_account()
    if not account.switches:
        return
    for item in (path, *(path.rglob("*") if recursive else ())):
        if not item.is_symlink():
            os.chown(item, SERVICE_UID, SERVICE_GID)


def make_private_directory(path: Path) -> Path:
    """Creates a directory that only the service account may enter, and returns it."""
    path.mkdir(parents=True, exist_ok=True)
    account = service_account()
    if account.switches and path.stat().st_uid != account.uid:
        give(path)
    path.chmod(0o700)
    return path
