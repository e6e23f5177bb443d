"""The control channel answers those who know the token."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from local.control import ControlServer, NotRunning, StackState, ask, read_state, write_state


async def answer() -> dict[str, int]:
    return {"answer": 42}


async def fail() -> None:
    raise RuntimeError("queue is gone")


@pytest.fixture
async def state() -> AsyncIterator[StackState]:
    server = ControlServer({"status": answer, "fail": fail})
    port = await server.start()
    process = psutil.Process()
    yield StackState(
        process.pid, process.create_time(), "http://127.0.0.1:1", "runtime-api", port, server.token
    )
    await server.stop()


async def test_a_command_is_answered(state: StackState) -> None:
    assert await asyncio.to_thread(ask, state, "status") == {"answer": 42}


async def test_a_failed_command_says_why(state: StackState) -> None:
    with pytest.raises(RuntimeError, match="queue is gone"):
        await asyncio.to_thread(ask, state, "fail")
    with pytest.raises(RuntimeError, match="no such command: dance"):
        await asyncio.to_thread(ask, state, "dance")


async def test_the_token_is_needed(state: StackState) -> None:
    with pytest.raises(RuntimeError, match="wrong token"):
        await asyncio.to_thread(ask, replace(state, control_token="guess"), "status")


async def test_a_stack_that_left_is_not_running(state: StackState) -> None:
    with pytest.raises(NotRunning):
        await asyncio.to_thread(ask, replace(state, control_port=1), "status")


async def test_the_state_of_another_process_with_the_same_pid_is_not_believed(
    state: StackState, tmp_path: Path
) -> None:
    file = tmp_path / "stack.json"
    write_state(file, state)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_state(file) == state
    write_state(file, replace(state, started=state.started - 100))
    assert read_state(file) is None
    assert os.getpid() == state.pid
