"""`footnote up`, `footnote down`: the life of a stack."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import psutil
import typer

from local import account
from local.cli.output import ProgressDisplay, console, errors
from local.cli.samples import ask_first_question, load_samples
from local.cli.session import (
    DataDirectory,
    SettingOptions,
    chosen_settings,
    data_paths,
    said_plainly,
    stop_with,
)
from local.client import ApiClient
from local.control import StackState, read_state
from local.engines import EngineError
from local.launcher import StackFailed, StackProcess, stop_on_interrupt
from local.layers import LayerError
from local.paths import DataPaths, cache_directory
from local.ports import first_free, is_free
from local.preparation import prepare
from local.progress import Reporter
from local.runtime.emulator import EmulatorMissing
from local.stack import Runner

DEFAULT_PORT = 8000
_STOP_TIMEOUT_S = 40.0


def up(
    data_dir: DataDirectory = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the API (default: 8000, or the next free one).")
    ] = None,
    runner: Annotated[
        Runner, typer.Option(help="What executes functions: `rie` is AWS's emulator.")
    ] = "runtime-api",
    detach: Annotated[
        bool, typer.Option("--detach", help="Run in the background; `footnote down` ends it.")
    ] = False,
    settings: SettingOptions = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Load sample documents and ask one question.")
    ] = False,
    reranker: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a cross-encoder (ONNX graph, tokenizer.json) to be served as well.",
            envvar="FOOTNOTE_RERANKER",
            exists=True,
            file_okay=False,
            resolve_path=True,
        ),
    ] = None,
) -> None:
    """Start the local stack: engines, functions and the API."""
    data = data_paths(data_dir)
    running = read_state(data.state)
    if running is not None:
        console.print(f"Footnote serves at {running.api_url} already.")
        return
    chosen = chosen_settings(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    began = time.monotonic()
    stack: StackProcess | None = None
    try:
        with ProgressDisplay() as progress:
            stack, url = _start(
                data,
                _choose_port(port),
                runner,
                progress,
                detached=detach,
                settings=chosen,
                reranker=reranker,
            )
            console.print(f"Ready in {time.monotonic() - began:.1f} s.")
            with ApiClient(url) as client, said_plainly():
                _welcome(client, data, progress, sample=sample)
    except KeyboardInterrupt:
        if stack is None:
            raise typer.Exit(130) from None
        stack.ask_to_stop()
    except typer.Exit:
        if stack is not None:
            stack.ask_to_stop()
            stack.wait()
        raise
    _print_next_steps(data, detached=detach)
    if not detach:
        _serve_until_stopped(stack, data)


def down(data_dir: DataDirectory = None) -> None:
    """Stop the stack that runs in the background."""
    data = data_paths(data_dir)
    state = read_state(data.state)
    if state is None:
        console.print("No stack is running.")
        return
    _end(state)
    console.print("Stopped.")


def _start(
    data: DataPaths,
    port: int,
    runner: Runner,
    report: Reporter,
    *,
    detached: bool,
    settings: Mapping[str, str],
    reranker: Path | None,
) -> tuple[StackProcess, str]:
    try:
        cache = cache_directory()
        prepare(data, cache, report, runner)
        stack = StackProcess(
            data, cache, port, runner, detached=detached, settings=settings, reranker=reranker
        )
        try:
            return stack, stack.follow(report)
        except KeyboardInterrupt:
            stack.ask_to_stop()
            stack.wait()
            raise
    except (LayerError, EngineError, EmulatorMissing, StackFailed, PermissionError) as error:
        stop_with(str(error), "`footnote doctor` looks for the cause.")


def _choose_port(wanted: int | None) -> int:
    if wanted is not None:
        if not is_free(wanted):
            stop_with(f"port {wanted} is taken", "Choose another one with --port.")
        return wanted
    port = first_free(DEFAULT_PORT)
    if port is None:
        stop_with("ports 8000 to 8019 are taken", "Choose one with --port.")
    return port


def _welcome(client: ApiClient, data: DataPaths, report: Reporter, *, sample: bool) -> None:
    known = account.load_or_create(data.account)
    account.sign_in(client, known)
    if sample:
        load_samples(client, data, report)
        ask_first_question(client, report)


def _serve_until_stopped(stack: StackProcess, data: DataPaths) -> None:
    status = stop_on_interrupt(stack, lambda text: console.print(f"\n{text}"))
    if status:
        errors.print(f"[red]The stack ended unexpectedly.[/red] Its log is {data.logs / 'gateway.log'}")
        raise typer.Exit(1)
    console.print("Stopped.")


def _print_next_steps(data: DataPaths, *, detached: bool) -> None:
    state = read_state(data.state)
    if state is None:
        return
    known = account.load_or_create(data.account)
    console.print(f"[bold]Footnote serves at {state.api_url}[/bold] (pages of the API: {state.api_url}/docs)")
    console.print(f"Sample account: {known.email}, password {known.password}")
    console.print("Try next, in another terminal:")
    for line in (
        "ingest ~/Documents --wait        # your own files",
        'ask "What is in my documents?"',
        "status",
    ):
        console.print(f"  .venv/bin/footnote {line}")
    console.print("`footnote down` stops everything." if detached else "Ctrl-C stops everything.")


def _end(state: StackState) -> None:
    process = state.process()
    if process is None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except psutil.TimeoutExpired:
        for child in (*process.children(recursive=True), process):
            os.kill(child.pid, signal.SIGKILL)
