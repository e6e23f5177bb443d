"""`footnote evaluate` on a small set with everything that makes sets difficult, and runs of the product."""

import json
import time

import httpx
import pytest

from tests.support.browser import CHROMIUM, browser

CORPUS = [
    {
        "id": "sea/1",
        "title": "Lighthouses",
        "text": "The lighthouse of Farol was built in 1912 by Ada Ferro.",
    },
    {
        "id": "sea/2",
        "title": "Lighthouses",
        "text": "The lighthouse of Farol was built in 1912 by Ada Ferro.",
    },
    {"id": "bread", "title": "", "text": "The bakery opens at six o'clock and sells rye bread."},
    {"id": "title only", "title": "Harbour regulations of Porto Novo", "text": "  "},
]
QUERIES = [
    {"id": "q1", "text": "When was the lighthouse of Farol built?", "answers": ["1912"]},
    {
        "id": "q2",
        "text": "Who built it?",
        "answers": ["Ada Ferro"],
        "history": [
            {"speaker": "user", "text": "When was the lighthouse of Farol built?"},
            {"speaker": "agent", "text": "The lighthouse of Farol was built in 1912."},
        ],
    },
    {"id": "q3", "text": "When does the bakery open?", "answers": ["six"]},
    {"id": "q4", "text": "Which enzyme splits lactose?", "answers": [], "unanswerable": True},
]
QRELS = "query_id\tdoc_id\trel\nq1\tsea/2\t1\nq2\tsea/1\t1\nq3\tbread\t1\n"


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)))
    (folder / "qrels.tsv").write_text(QRELS)
    return folder


def test_every_row_counts_and_the_figures_are_right(stack, dataset, tmp_path):
    out = tmp_path / "figures.json"
    told = stack.footnote("evaluate", str(dataset), "--json", str(out)).stdout
    data = json.loads(out.read_text())
    assert data["counts"] | {"chunks": 0} == {
        "documents": 4,
        "documents_failed": 0,
        "chunks": 0,
        "queries_judged": 3,
        "answers": 4,
        "unanswerable": 1,
    }
    assert data["metrics"]["success@1"] == 1.0
    assert data["metrics"]["answer_containment"] == 1.0
    assert data["metrics"]["citation_precision"] == 1.0
    assert data["metrics"]["abstention_unanswerable"] == 1.0
    assert set(data["strategies"]) == {"hybrid", "lexical", "vector"}
    assert "ndcg@10" in told


def test_bad_input_is_named(stack, dataset):
    (dataset / "queries.jsonl").write_text('{"id": "q1"}')
    result = stack.footnote("evaluate", str(dataset), check=False)
    assert result.returncode == 1
    assert "queries.jsonl, line 1: no 'text'" in result.stderr
    result = stack.footnote("evaluate", str(dataset), "--strategy", "magic", check=False)
    assert result.returncode == 1
    assert "magic" in result.stderr


@pytest.mark.slow
def test_two_configurations_are_measured_on_one_index(stack, dataset, tmp_path):
    out, page, gate = (tmp_path / name for name in ("out.json", "out.html", "gate.yaml"))
    gate.write_text("metrics: {abstention_answerable: {maximum: 0.5}, ndcg@10: {minimum: 0.5}}\n")
    result = stack.footnote(
        "evaluate", str(dataset), "--strategy", "hybrid", "--json", str(out), "--report", str(page),
        "--compare", "default", "chat.abstain_below=1.0", "--gate", str(gate), check=False,
    )  # fmt: skip
    assert result.returncode == 3, result.stdout + result.stderr
    assert "FAILED  abstention_answerable is 1.0000; at most 0.5 is asked for." in result.stdout
    assert "passed  ndcg@10" in result.stdout
    data = json.loads(out.read_text())
    assert data["a"]["metrics"]["abstention_answerable"] == 0.0
    assert data["b"]["metrics"]["abstention_answerable"] == 1.0
    assert data["a"]["ingestion"] == data["b"]["ingestion"]  # ingested once
    assert data["a"]["metrics"]["similarity_cosine"] > 0
    differences = data["comparison"]["differences"]
    assert differences["ndcg@10"]["ties"] == 3
    assert differences["abstention_answerable"]["losses"] == 3
    assert stack.status()["api_url"] == stack.url  # the stack that runs was left alone
    _look_at(page, tmp_path)


def _look_at(page, tmp_path):
    if CHROMIUM is None:
        return
    with browser(tmp_path / "profile") as tab:
        tab.open(page.as_uri(), width=390)
        assert tab.requests == [page.as_uri()]
        assert tab.problems == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert "Gate: failed" in tab.evaluate("document.body.textContent")


def test_a_saved_result_is_a_baseline(stack, dataset, tmp_path):
    saved, gate = tmp_path / "saved.json", tmp_path / "gate.yaml"
    stack.footnote("evaluate", str(dataset), "--strategy", "hybrid", "--json", str(saved))
    gate.write_text("baseline: saved.json\nmetrics: {overall: {minimum: 0.5}}\n")
    passed = stack.footnote("evaluate", str(dataset), "--strategy", "hybrid", "--gate", str(gate))
    assert "gate: passed" in passed.stdout


@pytest.mark.slow
def test_a_run_of_the_product_is_worked_off_by_its_job(stack, member):
    document = member.upload(b"The lighthouse of Farol was built in 1912 by Ada Ferro.", "farol.txt")
    member.wait([document])
    headers = {"Authorization": f"Bearer {member.token}"}
    with httpx.Client(base_url=f"{stack.url}/evaluations", headers=headers, timeout=60) as api:
        golden = api.post("/sets", json={"name": "Lighthouses"}).raise_for_status().json()
        asked = {"text": QUERIES[0]["text"], "filenames": ["farol.txt"], "answers": ["1912"]}
        questions = {"questions": [asked, {"text": "Which enzyme splits lactose?", "unanswerable": True}]}
        api.put(f"/sets/{golden['id']}/questions", json=questions).raise_for_status()
        run = api.post("/runs", json={"set_id": golden["id"]}).raise_for_status().json()
        deadline = time.monotonic() + 120
        while run["state"] in {"queued", "running"}:
            assert time.monotonic() < deadline, run
            time.sleep(1)
            run = api.get(f"/runs/{run['id']}").raise_for_status().json()
        assert run["state"] == "completed", run["failure"]
        assert run["summary"]["metrics"]["success@1"]["value"] == 1.0
        assert run["summary"]["metrics"]["answer_containment"]["value"] == 1.0
        assert run["summary"]["metrics"]["abstention_recall"]["value"] == 1.0
        report = api.get(f"/runs/{run['id']}/report")
        assert report.headers["content-type"].startswith("text/html")
        assert "Abstention curve" in report.text
    assert member.sessions()["sessions"] == []
