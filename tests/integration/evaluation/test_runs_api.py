"""Runs, comparisons and gates over HTTP, worked off by the evaluator."""

import json

import pytest

from footnote.chat import ChatQuestion
from footnote.evaluation import Activation
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.platform.settings import GenerationSettings
from tests.support.organizations import new_member, new_organization


async def conversations(services, context):
    return await services.conversations.sessions(context, before=None, limit=10)


async def test_a_run_is_worked_off_and_shows_its_figures(call, golden, services, owner):
    set_id = await golden()
    run = await call("POST", "/runs", {"set_id": set_id, "label": "first"}, 201)
    assert (run["state"], run["total"], run["done"], run["summary"]) == ("queued", 4, 0, None)
    done = await services.evaluator.work(60)
    assert done == {"questions": 4, "completed": 1, "failed": 0}
    run = await call("GET", f"/runs/{run['id']}")
    assert (run["state"], run["done"], run["label"]) == ("completed", 4, "first")
    metrics = run["summary"]["metrics"]
    assert metrics["success@1"]["value"] == metrics["answer_containment"]["value"] == 1.0
    assert metrics["faithfulness"]["value"] == metrics["groundedness"]["value"] == 1.0
    assert metrics["abstention_recall"] == {
        "value": 1.0,
        "low": metrics["abstention_recall"]["low"],
        "high": 1.0,
        "n": 1,
    }
    groups = {(group["aspect"], group["name"]): group["questions"] for group in run["summary"]["groups"]}
    assert groups["turn", "follow-up"] == groups["answerability", "unanswerable"] == 1
    assert run["summary"]["latency"]["answer"]["p95"] > 0
    page = await call("GET", f"/runs/{run['id']}/results?limit=3")
    rest = await call("GET", f"/runs/{run['id']}/results?after={page['next_after']}")
    assert [each["position"] for each in page["results"] + rest["results"]] == [1, 2, 3, 4]
    assert rest["next_after"] is None
    first = page["results"][0]["result"]
    assert "1912" in first["answer"]
    assert first["found"][0] == first["expected"][0]
    assert await conversations(services, owner) == []  # an evaluation is no conversation


async def test_expected_files_count_by_their_name(call, golden, evaluated, services, owner):
    set_id = await golden()
    (found,) = (await services.retriever.retrieve(owner, "lighthouse", limit=1)).passages
    filename = found.passage.filename.upper()
    question = {"text": "When was the lighthouse of Farol built?", "filenames": [filename]}
    await call("PUT", f"/sets/{set_id}/questions", {"questions": [question]})
    run = await evaluated(set_id)
    assert run["summary"]["metrics"]["success@1"]["value"] == 1.0
    assert run["summary"]["metrics"]["citation_precision"]["value"] == 1.0


async def test_overrides_reach_search_and_answers(call, golden, evaluated):
    set_id = await golden()
    silent = await evaluated(set_id, overrides={"chat.abstain_below": 1.0})
    assert silent["summary"]["metrics"]["abstention_answerable"]["value"] == 1.0
    usual = await evaluated(set_id)
    assert usual["summary"]["metrics"]["abstention_answerable"]["value"] == 0.0
    assert silent["digest"] != usual["digest"]
    told = await call("GET", f"/compare?a={usual['id']}&b={silent['id']}")
    differences = {each["metric"]: each for each in told["differences"]}
    assert differences["abstention_answerable"]["difference"] == 1.0
    assert differences["abstention_answerable"]["losses"] == 3
    assert differences["ndcg@10"]["ties"] == 3
    assert (told["paired"], told["name_b"]) == (4, "chat.abstain_below=1.0")
    assert len(told["changes"]) == 3


@pytest.mark.parametrize(
    "overrides",
    [{"postgres.host": "x"}, {"retrieval.candidates": 10_000_000}, {"retrieval.fusion": "magic"}, {"": 1}],
)
async def test_settings_that_cannot_be_tried_are_refused(call, golden, overrides):
    set_id = await golden()
    refused = await call("POST", "/runs", {"set_id": set_id, "overrides": overrides}, 422)
    assert refused["details"]["setting"] == next(iter(overrides))


async def test_the_report_is_a_page_that_loads_nothing(call, golden, evaluated, api, owner):
    set_id = await golden()
    one, other = await evaluated(set_id), await evaluated(set_id, overrides={"chat.passages": 1})
    path = f"/evaluations/runs/{other['id']}/report?baseline_run={one['id']}"
    response = await api.call(owner, "GET", path)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.text.startswith("<!doctype html>")
    assert "chat.passages=1" in response.text
    assert "Compared" in response.text
    assert "<script" not in response.text
    assert "://" not in response.text


async def test_a_run_that_is_not_completed_has_no_report(call, golden):
    run = await call("POST", "/runs", {"set_id": await golden()}, 201)
    for path in (f"/runs/{run['id']}/report", f"/compare?a={run['id']}&b={run['id']}"):
        assert "is queued, not completed" in (await call("GET", path, status=409))["message"]
    await call("POST", f"/runs/{run['id']}/cancel")
    assert (await call("GET", f"/runs/{run['id']}"))["state"] == "cancelled"
    await call("DELETE", f"/runs/{run['id']}", status=204)
    await call("GET", f"/runs/{run['id']}", status=404)


async def test_runs_are_paged_and_made_once(call, golden):
    set_id = await golden()
    made = [
        await call("POST", "/runs", {"set_id": set_id, "label": f"{n}"}, 201, key=f"k{n}") for n in range(3)
    ]
    again = await call("POST", "/runs", {"set_id": set_id, "label": "1"}, 200, key="k1")
    assert again["id"] == made[1]["id"]
    page = await call("GET", f"/runs?limit=2&set_id={set_id}")
    rest = await call("GET", f"/runs?limit=2&cursor={page['next_cursor']}")
    assert [run["label"] for run in page["runs"] + rest["runs"]] == ["2", "1", "0"]
    assert rest["next_cursor"] is None
    await call("GET", "/runs?cursor=nonsense", status=422)


async def test_keys_are_each_members_own(call, golden, owner, module_database):
    body, colleague = {"set_id": await golden()}, new_member(module_database, owner, "admin")
    first = await call("POST", "/runs", body, 201, key="same")
    own = await call("POST", "/runs", body, 201, key="same", context=colleague)
    assert own["id"] != first["id"]
    assert (await call("POST", "/runs", body, 200, key="same"))["id"] == first["id"]
    # Another body is refused to whoever sent the key before, and to nobody else.
    await call("POST", "/runs", body | {"label": "x"}, 422, key="same")
    third = new_member(module_database, owner, "admin")
    await call("POST", "/runs", body | {"label": "x"}, 201, key="same", context=third)


async def test_foreign_runs_look_like_none(call, golden, evaluated, module_database):
    run = await evaluated(await golden())
    stranger = new_organization(module_database)
    for run_id in (run["id"], str(new_id())):
        for method, path in (
            ("GET", f"/runs/{run_id}"),
            ("GET", f"/runs/{run_id}/results"),
            ("GET", f"/runs/{run_id}/report"),
            ("POST", f"/runs/{run_id}/cancel"),
            ("DELETE", f"/runs/{run_id}"),
            ("GET", f"/compare?a={run_id}&b={run_id}"),
        ):
            await call(method, path, status=404, context=stranger)


async def test_a_dependency_that_is_down_delays_a_run_and_ends_it_in_the_end(call, golden, services):
    run = await call("POST", "/runs", {"set_id": await golden()}, 201)

    class Down:
        async def search(self, context, query, history):
            raise ServiceUnavailable("The database cannot be reached right now.")

    services.evaluator._subjects = lambda overrides: Down()
    for _ in range(3):
        await services.evaluator.work(20)
    failed = await call("GET", f"/runs/{run['id']}")
    assert failed["state"] == "failed"
    assert "interrupted 3 times" in failed["failure"]
    assert "database cannot be reached" in failed["failure"]


async def gate_of(call, set_id, conditions, baseline=None):
    body = {"name": f"Gate {new_id()}", "set_id": set_id, "conditions": conditions}
    if baseline:
        body["baseline_run_id"] = baseline["id"]
    return await call("POST", "/gates", body, 201)


async def test_a_configuration_goes_live_only_through_the_gate(call, golden, evaluated, owner, services):
    set_id = await golden()
    silent = await evaluated(set_id, overrides={"chat.abstain_below": 1.0})
    fewer = await evaluated(set_id, overrides={"chat.passages": 3})
    gate = await gate_of(
        call,
        set_id,
        [{"metric": "answer_containment", "minimum": 0.9}, {"metric": "overall", "minimum": 0.1}],
    )
    path = f"/gates/{gate['id']}"
    verdict = await call("GET", f"{path}/verdict?candidate_run={silent['id']}")
    assert not verdict["passed"]
    assert "answer_containment is 0.0000; at least 0.9 is asked for." in [
        finding["reason"] for finding in verdict["findings"]
    ]
    refused = await call("POST", f"{path}/activate", {"run_id": silent["id"]}, 409)
    assert "answer_containment" in refused["message"]
    assert refused["details"]["findings"] == verdict["findings"]
    assert await call("GET", "/configuration") == {"overrides": {}, "activations": []}
    live = await call("POST", f"{path}/activate", {"run_id": fewer["id"]})
    assert (live["overrides"], live["activated_by"]) == ({"chat.passages": 3}, str(owner.user_id))
    assert live["verdict"]["passed"]
    assert (await call("GET", "/configuration"))["overrides"] == {"chat.passages": 3}
    measured = await call("POST", "/runs", {"set_id": set_id}, 201)
    assert measured["overrides"] == {"chat.passages": 3}  # what is in force
    assert (await call("POST", "/runs", {"set_id": set_id, "overrides": {}}, 201))["overrides"] == {}
    assert (await services.of_organization(owner)).settings.chat.passages == 3
    await call("DELETE", "/configuration")
    told = await call("GET", "/configuration")
    assert (told["overrides"], len(told["activations"])) == ({}, 2)


async def test_a_drop_against_the_baseline_is_judged_by_its_interval(call, golden, evaluated, documents):
    questions = [
        {"text": f"When was the lighthouse of Farol built, asked {n}?", "document_ids": [documents["farol"]]}
        for n in range(20)
    ]
    set_id = await golden(questions=questions)
    baseline = await evaluated(set_id)
    silent = await evaluated(set_id, overrides={"chat.abstain_below": 1.0})
    gate = await gate_of(call, set_id, [{"metric": "abstention_answerable", "maximum_drop": 0.05}], baseline)
    path = f"/gates/{gate['id']}/verdict"
    assert (await call("GET", f"{path}?candidate_run={baseline['id']}"))["passed"]
    assert not (await call("GET", f"{path}?candidate_run={silent['id']}"))["passed"]


async def test_a_verdict_ends_when_the_deployment_changes(call, golden, evaluated, services, monkeypatch):
    set_id = await golden()
    run = await evaluated(set_id)
    gate = await gate_of(call, set_id, [{"metric": "overall", "minimum": 0.1}])
    other = services.settings.model_copy(update={"generation": GenerationSettings(model="another")})
    monkeypatch.setattr(services.gates, "_settings", other)
    refused = await call("POST", f"/gates/{gate['id']}/activate", {"run_id": run["id"]}, 409)
    assert "have changed since the run" in refused["message"]


async def test_a_run_of_another_set_does_not_pass(call, golden, evaluated):
    gate = await gate_of(call, await golden("One"), [{"metric": "overall", "minimum": 0.0}])
    run = await evaluated(await golden("Two"))
    verdict = await call("GET", f"/gates/{gate['id']}/verdict?candidate_run={run['id']}")
    assert [finding["passed"] for finding in verdict["findings"]] == [False, True]


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        ([], "conditions"),
        ([{"metric": "luck", "minimum": 1}], "no metric 'luck'"),
        ([{"metric": "map"}], "needs one of"),
        ([{"metric": "map", "maximum_drop": 0.1}], "baseline_run_id"),
        ([{"metric": "map", "maximum_drop": -1}], "maximum_drop"),
    ],
)
async def test_wrong_gates_are_named(call, golden, conditions, named):
    set_id = await golden()
    refused = await call("POST", "/gates", {"name": "g", "set_id": set_id, "conditions": conditions}, 422)
    assert named in json.dumps(refused)
    await call("GET", f"/gates/{new_id()}", status=404)


async def test_what_is_in_force_is_what_members_get(
    call, golden, evaluated, services, owner, module_database
):
    set_id = await golden()
    gate = await gate_of(call, set_id, [{"metric": "overall", "minimum": 0.0}])
    run = await evaluated(set_id, overrides={"chat.abstain_below": 1.0})
    await call("POST", f"/gates/{gate['id']}/activate", {"run_id": run["id"]})
    theirs = await services.of_organization(owner)
    answer = await theirs.chat.answer(owner, ChatQuestion("When does the bakery open?", use_cache=False))
    assert answer.metadata.abstained
    assert theirs is await services.of_organization(owner)
    assert theirs.database is services.database
    assert await services.of_organization(new_organization(module_database)) is services


async def test_a_setting_that_is_gone_does_not_end_the_service(services, owner, golden, call):
    activation = Activation(
        new_id(), {"retrieval.gone": 1}, "digest", None, None, {}, owner.user_id, services.clock.now()
    )
    await services.gate_store.activate(owner, activation)
    assert await services.of_organization(owner) is services
