"""`footnote mail`: what was mailed; the stack keeps it in a folder and sends it to nobody."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, stop_with


def mail(
    number: Annotated[
        int | None, typer.Argument(help="Show this mail; without a number all are listed.", min=1)
    ] = None,
    data_dir: DataDirectory = None,
) -> None:
    """Show the mail that the stack's functions sent."""
    files = sorted(data_paths(data_dir).mail.glob("*.eml"))
    if number is None:
        for position, file in enumerate(files, start=1):
            message = _read(file)
            console.print(f"[bold]{position:4}[/bold]  {escape(message['To'])}  {escape(message['Subject'])}")
        console.print(f"{len(files)} mails")
        return
    if number > len(files):
        stop_with(f"there is no mail {number}", f"There are {len(files)}.")
    message = _read(files[number - 1])
    for name in ("Date", "From", "To", "Subject"):
        console.print(f"[bold]{name}:[/bold] {escape(message[name])}")
    body = message.get_body(("plain",))
    console.print()
    typer.echo(body.get_content() if body is not None else "")


def _read(file: Path) -> EmailMessage:
    message = message_from_bytes(file.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    return message
