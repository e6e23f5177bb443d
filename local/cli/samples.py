"""The first minutes: sample documents and one question about them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from local import account
from local.cli.output import console, print_answer
from local.client import ApiClient
from local.paths import DataPaths
from local.progress import Reporter, step

QUESTION = "What is RAG and how does it work?"


def load_samples(client: ApiClient, data: DataPaths, report: Reporter) -> None:
    """Uploads the guide to RAG and to Footnote the first time, and waits until it is searchable."""
    if account.load_or_create(data.account).has_samples:
        return
    with step(report, "sample documents"):
        folder = Path(str(files("local") / "samples"))
        ids = [client.upload(file, category="guide") for file in sorted(folder.glob("*.md"))]
        client.wait(ids)
    account.mark_samples_loaded(data.account)


def ask_first_question(client: ApiClient, report: Reporter) -> None:
    """Asks one question about the samples and prints the answer with its sources."""
    with step(report, "first answer"):
        answer = client.chat(QUESTION)
    console.print(f"\n[bold]{QUESTION}[/bold]")
    print_answer(answer)
