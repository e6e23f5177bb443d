"""The doctor finds what is wrong and says how to mend it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from local import doctor
from local.doctor import Finding, examine
from local.paths import DataPaths
from local.ports import LOOPBACK, is_free


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(DataPaths(folder), folder)}


def test_what_the_tests_run_on_is_in_order(tmp_path: Path) -> None:
    found = findings(tmp_path)
    assert {name for name, finding in found.items() if finding.verdict == "problem"} == set()
    assert "18" in found["PostgreSQL"].text
    assert "Redis" in found["Redis"].text


def test_packages_that_differ_from_the_lock_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "local.txt").write_text(
        "nonesuch==1.0 \\\n    --hash=sha256:00\n"
        "only-on-windows==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
        "psutil==0.0.1 \\\n    --hash=sha256:00\n"
    )
    monkeypatch.setattr(doctor, "REPOSITORY", tmp_path)
    packages = findings(tmp_path)["packages"]
    assert packages.verdict == "problem"
    assert "nonesuch is missing" in packages.text
    assert "psutil is " in packages.text
    assert "only-on-windows" not in packages.text
    assert "make" in packages.mend


def test_a_taken_port_is_a_warning_with_a_way_out(tmp_path: Path) -> None:
    if not is_free(8000):
        pytest.skip("something serves on port 8000")
    with socket.create_server((LOOPBACK, 8000)):
        port = findings(tmp_path)["port"]
    assert port.verdict == "warning"
    assert "--port" in port.mend


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone starts servers under another account")
def test_root_is_told_whom_the_servers_run_as(tmp_path: Path) -> None:
    assert "65534" in findings(tmp_path)["account"].text
