"""Children give up root's powers and end with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.privileges import SERVICE_UID, Account, child_command, is_reachable, service_account

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has powers to give up")
PROBE = (
    "import os; print(os.getuid(), open({0!r}).read(), os.access({0!r}, os.R_OK), os.access({0!r}, os.W_OK))"
)


def test_reachability_follows_the_mode_of_every_parent(tmp_path: Path) -> None:
    file = tmp_path / "closed" / "open" / "file"
    file.parent.mkdir(parents=True)
    file.touch(0o644)
    account = Account(SERVICE_UID, SERVICE_UID)
    for folder in (*tmp_path.parents, tmp_path):
        if folder.owner() == tmp_path.owner():
            folder.chmod(folder.stat().st_mode | 0o055)
    assert is_reachable(file, account)
    (tmp_path / "closed").chmod(0o700)
    assert not is_reachable(file, account)
    assert is_reachable(file, Account(None, None))


@as_root
def test_a_child_of_root_is_unprivileged_but_reads_what_it_must(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "file").write_text("text")
    reads = (Path(sys.executable), Path(sys.base_prefix), private)
    command = child_command([sys.executable, "-c", PROBE.format(str(private / "file"))], reads=reads)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(SERVICE_UID), "text", "True", "False"]
    write = f"open({str(private / 'new')!r}, 'w')"
    refused = subprocess.run(
        child_command([sys.executable, "-c", write], reads=reads), check=False, capture_output=True, text=True
    )
    assert "PermissionError" in refused.stderr
    assert service_account().switches


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux's")
def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    reads = (Path(sys.executable), Path(sys.base_prefix))
    sleeper = "import time; print('up', flush=True); time.sleep(60)"
    child = child_command([sys.executable, "-c", sleeper], reads=reads)
    starter = f"import subprocess; print(subprocess.Popen({child!r}).pid, flush=True); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", starter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    sleeping = psutil.Process(int(parent.stdout.readline()))
    assert parent.stdout.readline() == "up\n"
    parent.kill()
    sleeping.wait(10)
    parent.communicate(timeout=10)
