"""`footnote ask`: one question to the sample account's organization."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from local.cli.output import console, print_answer
from local.cli.session import DataDirectory, data_paths, signed_in


def ask(
    question: Annotated[str, typer.Argument(help="The question, in any words.")],
    session: Annotated[str | None, typer.Option(help="Id of a conversation to go on with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer as it is.")] = False,
    data_dir: DataDirectory = None,
) -> None:
    """Ask a question and show the answer with its sources."""
    with signed_in(data_paths(data_dir)) as client:
        answer = client.chat(question, session_id=session)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    print_answer(answer)
    console.print(f"[dim]How it came about: footnote explain {answer['message_id']}[/dim]")
    console.print(f'[dim]Go on with: footnote ask --session {answer["session_id"]} "..."[/dim]')
