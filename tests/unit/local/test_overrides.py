"""Settings chosen on the command line."""

import json

import pytest
from typer.testing import CliRunner

from footnote.platform.settings import Settings
from local.cli import build_app
from local.evaluation.candidates import read_candidate
from local.overrides import UnknownSetting, parse_assignments, read_settings_file


def test_assignments_become_the_environment_that_settings_read(monkeypatch):
    variables = parse_assignments(["retrieval.fusion=rrf", "chat.passages = 4", "chat.abstain_below=0.25"])
    assert variables["APP_RETRIEVAL__FUSION"] == "rrf"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings(environment="test")
    assert (settings.retrieval.fusion, settings.chat.passages, settings.chat.abstain_below) == (
        "rrf",
        4,
        0.25,
    )


def test_a_file_may_nest_or_not(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(
        'retrieval: {fusion: rrf, expand: false}\nchat.passages: 4\ngeneration: {extra_body: {"a": [1]}}\n'
    )
    assert read_settings_file(file) == {
        "APP_RETRIEVAL__FUSION": "rrf",
        "APP_RETRIEVAL__EXPAND": "false",
        "APP_CHAT__PASSAGES": "4",
        "APP_GENERATION__EXTRA_BODY": '{"a": [1]}',
    }


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("retrieval.fusion", "not of the form"),
        ("retrieval.fusoin=rrf", "Did you mean 'fusion'"),
        ("retreival.fusion=rrf", "Did you mean 'retrieval'"),
        ("postgres.host=elsewhere", "no setting 'postgres.host' to choose"),
        ("retrieval.fusion=magic", "cannot be 'magic'"),
        ("chat.passages=many", "cannot be 'many'"),
        ("generation.extra_body={", "not JSON"),
        ("retrieval=1", "There is no setting 'retrieval'"),
    ],
)
def test_what_is_wrong_is_named(assignment, named):
    with pytest.raises(UnknownSetting, match=named):
        parse_assignments([assignment])


@pytest.mark.parametrize("content", ["- a\n- b\n", "retrieval: [", "retrieval.fusion: magic"])
def test_a_file_that_is_wrong_is_refused(tmp_path, content):
    file = tmp_path / "settings.yaml"
    file.write_text(content)
    with pytest.raises(UnknownSetting):
        read_settings_file(file)


def test_the_sides_of_a_comparison(tmp_path):
    assert read_candidate("default", "toy").settings == {}
    both = read_candidate("retrieval.fusion=rrf, retrieval.rrf_k=30", "toy")
    assert set(both.settings) == {"APP_RETRIEVAL__FUSION", "APP_RETRIEVAL__RRF_K"}
    assert both.index == ()
    indexed = read_candidate("ingestion.chunk_target_tokens=100,chat.passages=2", "toy")
    assert indexed.index == (("APP_INGESTION__CHUNK_TARGET_TOKENS", "100"),)
    saved = tmp_path / "a.json"
    question = {"id": "1", "text": "?", "groups": {}, "scores": {"map": 1.0}, "unanswerable": False}
    saved.write_text(json.dumps({"dataset": "toy", "questions": [question]}))
    assert read_candidate(str(saved), "toy").saved[0].scores == {"map": 1.0}
    with pytest.raises(UnknownSetting, match="set 'toy', not of 'other'"):
        read_candidate(str(saved), "other")
    saved.write_text("{}")
    for wrong in (str(saved), "nothing", str(tmp_path / "missing.yaml"), str(tmp_path / "missing.json")):
        with pytest.raises(UnknownSetting):
            read_candidate(wrong, "toy")


@pytest.mark.parametrize("command", [["up"], ["evaluate", "DIR"]])
def test_a_wrong_setting_ends_the_command_before_anything_starts(command, tmp_path):
    for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
        (tmp_path / name).touch()
    arguments = [str(tmp_path) if part == "DIR" else part for part in command]
    result = CliRunner().invoke(
        build_app(), [*arguments, "--set", "retrieval.fusoin=rrf", "--data-dir", str(tmp_path / "data")]
    )
    assert result.exit_code == 1
    assert "Did you mean 'fusion'" in result.output
