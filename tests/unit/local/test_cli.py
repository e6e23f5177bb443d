"""What the command shows and what it picks up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local.aws.ses import SesService
from local.cli import build_app
from local.cli.documents import chosen_files
from local.cli.output import console, print_answer
from local.paths import DataPaths


def source(**parts: Any) -> dict[str, Any]:
    return {
        "number": 1, "title": "Field [guide]", "filename": "guide.pdf", "excerpt": "Owls\n  see well.",
        "location": None, "heading_path": [],
    } | parts  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ({}, "[1] Field [guide] (guide.pdf)"),
        ({"location": {"kind": "page", "from": 3, "to": 3, "label": None}}, "(guide.pdf, page 3)"),
        ({"location": {"kind": "page", "from": 3, "to": 4, "label": None}}, "(guide.pdf, page 3-4)"),
        ({"location": {"kind": "sheet", "from": 2, "to": 2, "label": "Costs"}}, "(guide.pdf, sheet 2 Costs)"),
        ({"heading_path": ["Birds", "Owls"]}, "(guide.pdf, Birds > Owls)"),
    ],
)
def test_an_answer_names_the_place_of_its_sources(parts: dict[str, Any], shown: str) -> None:
    with console.capture() as captured:
        print_answer({"answer": "They see [well] [1].", "sources": [source(**parts)]})
    text = captured.get()
    assert "They see [well] [1]." in text
    assert shown in text
    assert "“Owls see well.”" in text


def test_folders_are_searched_and_hidden_files_left_alone(tmp_path: Path) -> None:
    for name in ("b.md", "a/c.txt", ".hidden.md", ".git/d.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(chosen_files([tmp_path, tmp_path / ".hidden.md"])) == [
        tmp_path / "a" / "c.txt", tmp_path / "b.md", tmp_path / ".hidden.md",
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [["ask", "why?"], ["status"], ["ingest", "."], ["queue", "redrive"]])
def test_without_a_stack_the_way_out_is_named(arguments: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(build_app(), [*arguments, "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "make run" in result.output


async def test_mail_is_listed_and_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    simple = {
        "Subject": {"Data": "80 % [used]"},
        "Body": {"Text": {"Data": "Eighty of a hundred.\n"}, "Html": {"Data": "<p>80</p>"}},
    }
    content = {"FromEmailAddress": "us@a.example", "Content": {"Simple": simple}}
    for name in ("one", "two"):
        to = {"Destination": {"ToAddresses": [f"{name}@b.example"]}}
        await SesService(DataPaths(tmp_path).mail).send(content | to)
    runner = CliRunner()
    listed = runner.invoke(build_app(), ["mail", "--data-dir", str(tmp_path)]).output
    assert "1  one@b.example  80 % [used]" in listed
    assert "2 mails" in listed
    shown = runner.invoke(build_app(), ["mail", "2", "--data-dir", str(tmp_path)]).output
    assert "To: two@b.example" in shown
    assert "Eighty of a hundred." in shown
    assert runner.invoke(build_app(), ["mail", "3", "--data-dir", str(tmp_path)]).exit_code == 1


def test_an_unknown_log_is_answered_with_those_there_are(tmp_path: Path) -> None:
    for folder in ("logs", "run"):
        (tmp_path / folder).mkdir()
    (tmp_path / "logs" / "redis.log").write_text("one\ntwo\nthree\n")
    runner = CliRunner()
    result = runner.invoke(build_app(), ["logs", "nonesuch", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "redis" in result.output
    result = runner.invoke(build_app(), ["logs", "redis", "-n", "2", "--data-dir", str(tmp_path)])
    assert result.output == "two\nthree\n"
