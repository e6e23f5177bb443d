"""What operators' subcommands share: a connection to the platform's database in one of its roles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from local import secrets
from local.cli.session import data_paths, running_stack, stop_with
from local.engines.postgres import dsn
from local.paths import DataPaths
from local.stack import DATABASE

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        envvar="FOOTNOTE_OPERATOR_DSN",
        help="Connection string of the database, as the role that is named (default: the local stack's).",
    ),
]


@contextmanager
def connected(
    data_dir: Path | None, role: str, chosen: str | None
) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """One transaction as `role`; what goes wrong ends the command in words, and nothing is changed."""
    try:
        with psycopg.connect(
            chosen or _local(data_paths(data_dir), role), row_factory=dict_row
        ) as connection:
            yield connection
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error)
        stop_with(f"the database refused: {said}", f"This is done as the role {role}.")


def _local(data: DataPaths, role: str) -> str:
    running_stack(data)
    ports = json.loads(data.ports.read_text())
    known = secrets.load_or_create(data.secrets)
    return dsn(ports["postgres"], DATABASE, role, known.roles[role])
