"""`footnote evaluate` on results that were saved: no stack is needed."""

import json

import pytest
from typer.testing import CliRunner

from local.cli import build_app


def results(values, name="toy"):
    questions = [
        {
            "id": f"{number}", "text": f"Question {number}?", "groups": {"type": "factual"},
            "scores": {"ndcg@10": value}, "unanswerable": False,
        }
        for number, value in enumerate(values)
    ]  # fmt: skip
    return json.dumps({"dataset": name, "questions": questions})


@pytest.fixture
def folder(tmp_path):
    toy = tmp_path / "toy"
    toy.mkdir()
    for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
        (toy / name).touch()
    (tmp_path / "a.json").write_text(results([0.5] * 40))
    (tmp_path / "b.json").write_text(results([0.5] * 30 + [1.0] * 10))
    return tmp_path


@pytest.fixture
def evaluate(folder):
    def run(*arguments):
        return CliRunner().invoke(build_app(), ["evaluate", str(folder / "toy"), *map(str, arguments)])

    return run


def test_saved_results_are_compared(evaluate, folder):
    out, page = folder / "out.json", folder / "out.html"
    result = evaluate("--compare", folder / "a.json", folder / "b.json", "--json", out, "--report", page)
    assert result.exit_code == 0, result.output
    assert "40 questions in both" in result.output
    difference = json.loads(out.read_text())["comparison"]["differences"]["ndcg@10"]
    assert (difference["difference"], difference["wins"], difference["ties"]) == (0.125, 10, 30)
    assert 0 < difference["low"] < difference["high"]
    assert difference["p_value"] < 0.01
    assert "b.json against a.json" in page.read_text()


@pytest.mark.parametrize(
    ("thresholds", "status", "said"),
    [
        ("{ndcg@10: {minimum: 0.6, maximum_drop: 0.01}}", 0, "gate: passed"),
        ("{ndcg@10: {minimum: 0.7}}", 3, "ndcg@10 is 0.6250; at least 0.7 is asked for."),
        ("{faithfulness: {minimum: 0.1}}", 3, "could not be measured"),
        ("{ndgc: {minimum: 0.1}}", 1, "no metric 'ndgc'"),
        ("[1]", 1, "table"),
    ],
)
def test_the_gate_decides_the_exit_status(evaluate, folder, thresholds, status, said):
    gate = folder / "gate.yaml"
    gate.write_text(f"metrics: {thresholds}\n")
    result = evaluate("--compare", folder / "a.json", folder / "b.json", "--gate", gate)
    assert (result.exit_code, said in result.output) == (status, True), result.output


def test_a_loss_does_not_pass(evaluate, folder):
    gate = folder / "gate.yaml"
    gate.write_text("metrics: {ndcg@10: {maximum_drop: 0.05}}\n")
    result = evaluate("--compare", folder / "b.json", folder / "a.json", "--gate", gate)
    assert result.exit_code == 3
    assert "-0.1250" in result.output


def test_wrong_input_is_named(evaluate, folder):
    (folder / "other.json").write_text(results([1.0], "other"))
    for arguments, said in (
        (("--compare", folder / "a.json", folder / "other.json"), "not of 'toy'"),
        (("--compare", folder / "a.json", "magic"), "neither"),
        (
            ("--compare", folder / "a.json", folder / "b.json", "--set", "chat.passages=2"),
            "--set goes with one",
        ),
        (("--gate", folder / "missing.yaml"), "missing.yaml"),
        (("--strategy", "magic"), "magic"),
    ):
        result = evaluate(*arguments)
        assert result.exit_code == 1, result.output
        assert said in result.output
