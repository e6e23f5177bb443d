"""What the subcommands share: the data directory, the running stack, a signed-in client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from local import account
from local.cli.output import fail
from local.client import ApiClient, ApiError, ApiUnreachable
from local.control import NotRunning, StackState, read_state
from local.overrides import UnknownSetting, parse_assignments
from local.paths import DataPaths, data_directory

DataDirectory = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the stack's data (default: .footnote in the repository)."),
]
SettingOptions = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SETTING=VALUE", help="A setting, for instance retrieval.fusion=rrf."),
]


def stop_with(message: str, hint: str = "") -> NoReturn:
    """Ends the command with an error."""
    fail(message, hint)
    raise typer.Exit(1)


def data_paths(chosen: Path | None) -> DataPaths:
    """The stack's files; ends the command when they cannot be written."""
    try:
        return DataPaths(data_directory(chosen))
    except PermissionError as error:
        stop_with(str(error), "Choose another one with --data-dir or FOOTNOTE_DATA_DIR.")


def running_stack(data: DataPaths) -> StackState:
    """The running stack; ends the command when there is none."""
    state = read_state(data.state)
    if state is None:
        stop_with(f"no stack runs on {data.root}", "Start it with `make run` or `footnote up`.")
    return state


def chosen_settings(assignments: list[str] | None) -> dict[str, str]:
    """Environment variables of the settings that are asked for; ends the command where one is wrong."""
    try:
        return parse_assignments(assignments or [])
    except UnknownSetting as error:
        stop_with(str(error))


@contextmanager
def signed_in(data: DataPaths) -> Iterator[ApiClient]:
    """A client of the running stack that acts as the sample account; API errors end the command in words."""
    state = running_stack(data)
    with ApiClient(state.api_url) as client, said_plainly():
        account.sign_in(client, account.load_or_create(data.account))
        yield client


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns what can go wrong with a stack into a sentence and exit status 1."""
    try:
        yield
    except ApiError as error:
        detail = f" (request {error.request_id})" if error.request_id else ""
        stop_with(f"{error}{detail}")
    except ApiUnreachable as error:
        stop_with(str(error), "`footnote status` shows what runs, `footnote logs` why not.")
    except (NotRunning, TimeoutError) as error:
        stop_with(str(error))
