"""`footnote explain` and `footnote whynot`: how an answer came about, and why a document was not found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, signed_in

_Save = Annotated[
    Path | None, typer.Option("--save", help="Write the page to this file, for a browser.", dir_okay=False)
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer as it is.")]


def explain(
    message_id: Annotated[str, typer.Argument(help="Id of an answer, as `footnote ask` shows it.")],
    save: _Save = None,
    as_json: _AsJson = False,
    data_dir: DataDirectory = None,
) -> None:
    """Say how an answer came about, and whether it still holds."""
    path = f"/chat/messages/{message_id}/explain"
    with signed_in(data_paths(data_dir)) as client:
        if save is not None:
            _save(save, client.page("GET", path))
            return
        told = client.explain_answer(message_id)
    if as_json:
        _print_json(told)
        return
    console.print(told["question"], markup=False, style="bold")
    for one in told["candidates"][:10]:
        place = f"{one['final_rank']:>3}  {one['title']}, passage {one['ordinal'] + 1}"
        console.print(f"{place}: {one['outcome'].replace('_', ' ')}. {one['reason']}", markup=False)
    for document in told["documents"]:
        console.print(f"{document['title']}: {document['note']}", markup=False)
    for problem in told["integrity"]["problems"]:
        console.print(problem, markup=False, style="red")


def whynot(
    query: Annotated[str, typer.Argument(help="What was searched for.")],
    document_id: Annotated[str, typer.Argument(help="Id of the document that was expected.")],
    save: _Save = None,
    as_json: _AsJson = False,
    data_dir: DataDirectory = None,
) -> None:
    """Say why a search did not find a document."""
    with signed_in(data_paths(data_dir)) as client:
        if save is not None:
            body = {"query": query, "document_id": document_id}
            _save(save, client.page("POST", "/search/explain", body))
            return
        told = client.explain_search(query, document_id)
    if as_json:
        _print_json(told)
        return
    console.print(told["verdict"]["words"], markup=False)


def _save(file: Path, page: str) -> None:
    file.write_text(page, encoding="utf-8")
    console.print(f"Open {file.resolve()} in a browser.", markup=False)


def _print_json(told: object) -> None:
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
