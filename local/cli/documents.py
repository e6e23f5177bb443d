"""`footnote ingest`: files and folders into the sample account's organization."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, signed_in
from local.client import ApiClient, ApiError

SUPPORTED = frozenset(
    {".pdf", ".docx", ".pptx", ".xlsx", ".html", ".htm", ".md", ".markdown", ".csv", ".txt", ".eml"}
)
"""What Footnote reads; other files are skipped with a word."""

_COLOURS = {"completed": "green", "duplicate": "yellow", "failed": "red", "quarantined": "red"}


def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="Files, or folders with all files in them.", exists=True)
    ],
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until every document is searchable or refused.")
    ] = False,
    category: Annotated[str | None, typer.Option(help="Category of the documents, to filter by.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Tag of the documents; may be given often.")] = None,
    data_dir: DataDirectory = None,
) -> None:
    """Upload documents."""
    with signed_in(data_paths(data_dir)) as client:
        uploaded, refused = _upload(client, chosen_files(paths), category, tag or [])
        refused += _follow(client, uploaded) if wait else 0
    if not wait and uploaded:
        console.print(f"{len(uploaded)} uploaded; --wait shows how each one ends.")
    if refused or not uploaded:
        raise typer.Exit(1)


def chosen_files(paths: Iterable[Path]) -> Iterator[Path]:
    """All files below the paths that Footnote reads; hidden ones are left alone."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
                yield file


def _upload(
    client: ApiClient, files: Iterable[Path], category: str | None, tags: list[str]
) -> tuple[dict[str, Path], int]:
    """Uploads files one by one; document ids with their files, and how many were refused."""
    uploaded: dict[str, Path] = {}
    refused = 0
    for file in files:
        if file.suffix.lower() not in SUPPORTED:
            console.print(
                f"[yellow]skipped[/yellow]      {escape(str(file))}: Footnote does not read this format"
            )
            continue
        try:
            uploaded[client.upload(file, category=category, tags=tags)] = file
        except (ApiError, OSError) as error:
            refused += 1
            console.print(f"[red]refused[/red]      {escape(str(file))}: {escape(str(error))}")
    return uploaded, refused


def _follow(client: ApiClient, uploaded: dict[str, Path]) -> int:
    """Shows how each document ends; how many are not searchable."""

    def tell(document: dict[str, Any]) -> None:
        status = document["status"]
        if status in _COLOURS:
            name = escape(str(uploaded[document["id"]]))
            console.print(f"[{_COLOURS[status]}]{status:12}[/] {name}: {escape(_outcome(document))}")

    documents = client.wait(uploaded, on_change=tell)
    return sum(document["status"] in {"failed", "quarantined"} for document in documents.values())


def _outcome(document: dict[str, Any]) -> str:
    if document["status"] == "completed":
        units = f"{document['units_read']} of {document['units_total']} {document['units_kind']}s, "
        warnings = "".join(f"; {warning}" for warning in document["warnings"])
        return f"{units if document['units_kind'] else ''}{document['chunk_count']} chunks{warnings}"
    if document["status"] == "duplicate":
        return "the same bytes are there already"
    failure = document["failure"]
    return str(failure["reason"]) if failure else "no reason given"
