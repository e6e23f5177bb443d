"""Ports stay the same from start to start, and never collide with another server's."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from local.ports import LOOPBACK, first_free, free_port, free_ports, is_free, remembered_ports


def test_ports_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ("a", "b", "c"))
    assert len(set(first.values())) == 3
    assert remembered_ports(file, ("a", "b", "c")) == first


def test_a_port_that_was_taken_meanwhile_is_given_up(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ("a", "b"))
    with socket.create_server((LOOPBACK, first["a"])):
        second = remembered_ports(file, ("a", "b"))
    assert second["a"] not in first.values()
    assert second["b"] == first["b"]
    assert json.loads(file.read_text()) == second


def test_a_port_that_is_promised_to_another_is_given_up(tmp_path: Path) -> None:
    """The gateway's is chosen by the user, and listens last."""
    file = tmp_path / "ports.json"
    first = remembered_ports(file, ("a", "b"))
    second = remembered_ports(file, ("a", "b"), {first["a"]})
    assert second["a"] not in first.values()
    assert second["b"] == first["b"]


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    file.write_text("[1, 2")
    assert json.loads(file.read_text() if remembered_ports(file, ("a",)) else "").keys() == {"a"}


def test_first_free_passes_over_a_server() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server((LOOPBACK, port)):
        assert not is_free(port)
        following = first_free(port)
    assert following is not None
    assert following > port


def test_free_ports_are_different_and_free():
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(is_free(port) for port in ports)
