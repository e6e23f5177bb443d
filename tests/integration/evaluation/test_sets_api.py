"""Golden sets over HTTP."""

from dataclasses import replace

import pytest

from footnote.chat import ChatQuestion
from footnote.platform.ids import new_id
from tests.support.organizations import new_member, new_organization


async def test_a_set_is_made_filled_read_and_deleted(call, documents):
    made = await call("POST", "/sets", {"name": "Leave", "description": "About leave"}, 201)
    assert (made["name"], made["description"], made["questions"], made["revision"]) == (
        "Leave", "About leave", 0, 0,
    )  # fmt: skip
    path = f"/sets/{made['id']}"
    question = {
        "text": "And on Sundays?",
        "history": [{"actor": "user", "text": "When does it open?"}],
        "document_ids": [documents["bakery"]],
        "filenames": ["bakery.txt"],
        "answers": ["Never"],
        "tags": ["hours"],
    }
    filled = await call(
        "PUT", f"{path}/questions", {"questions": [question, {"text": "Why?", "unanswerable": True}]}
    )
    assert (filled["questions"], filled["revision"]) == (2, 1)
    page = await call("GET", f"{path}/questions?limit=1")
    (first,) = page["questions"]
    assert {name: first[name] for name in question} == question
    rest = await call("GET", f"{path}/questions?after={page['next_after']}")
    assert ([each["text"] for each in rest["questions"]], rest["next_after"]) == (["Why?"], None)
    assert [each["id"] for each in (await call("GET", "/sets"))["sets"]] == [made["id"]]
    await call("DELETE", path, status=204)
    await call("GET", path, status=404)


async def test_a_question_keeps_its_id_as_long_as_it_is_the_same(call, golden):
    set_id = await golden()
    before = await call("GET", f"/sets/{set_id}/questions")
    changed = [{"text": "New?", "unanswerable": True}]
    changed += [
        {"text": each["text"], "history": each["history"], "answers": ["x"]} for each in before["questions"]
    ]
    await call("PUT", f"/sets/{set_id}/questions", {"questions": changed})
    after = await call("GET", f"/sets/{set_id}/questions")
    assert [each["id"] for each in after["questions"][1:]] == [each["id"] for each in before["questions"]]


async def test_the_same_request_makes_one_set(call):
    async def post(name, status):
        return await call("POST", "/sets", {"name": name}, status, key="one")

    first = await post("Once", 201)
    assert (await post("Once", 200))["id"] == first["id"]
    assert "Idempotency-Key" in (await post("Twice", 422))["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "x" * 256},
        {"name": "two\nlines"},
        {"name": "nul \x00"},
        {"name": "x", "description": "nul \x00"},
        {"name": "x", "description": "x" * 2_001},
        {"name": "x", "surprise": 1},
    ],
)
async def test_sets_that_are_refused(call, body):
    assert (await call("POST", "/sets", body, 422))["code"] == "INVALID_REQUEST"
    assert (await call("GET", "/sets"))["sets"] == []


@pytest.mark.parametrize(
    ("questions", "named"),
    [
        ([{"text": "A?", "answers": ["x"]}, {"text": "B?"}], "Question 2: name documents"),
        ([{"text": "A?", "unanswerable": True, "answers": ["x"]}], "Question 1: an unanswerable"),
        (
            [{"text": "A?", "answers": ["x"]}, {"text": "A?", "answers": ["y"]}],
            "Question 2 repeats question 1",
        ),
        (
            [{"text": "A?", "document_ids": ["01990c3e-7a11-7c4e-9c1b-3d2a1f0e9d8c"]}],
            "Question 1: there is no document 01990c3e",
        ),
        ([{"text": "A?", "answers": ["x"]}, {"text": "  ", "answers": ["x"]}], "questions.1.text"),
        ([{"text": "A?", "answers": ["x"], "surprise": 1}], "questions.0.surprise"),
        ([{"text": "A?", "answers": ["x\x00"]}], "questions.0.answers.0"),
    ],
)
async def test_a_wrong_question_is_named_and_nothing_is_changed(call, golden, questions, named):
    set_id = await golden()
    refused = await call("PUT", f"/sets/{set_id}/questions", {"questions": questions}, 422)
    assert named in refused["message"]
    assert (await call("GET", f"/sets/{set_id}"))["questions"] == 4


async def test_limits_are_said(call, services):
    too_many = [{"text": f"{number}?", "unanswerable": True} for number in range(1_001)]
    set_id = (await call("POST", "/sets", {"name": "Full"}, 201))["id"]
    refused = await call("PUT", f"/sets/{set_id}/questions", {"questions": too_many}, 422)
    assert "1000" in refused["message"]
    assert (await call("PUT", f"/sets/{set_id}/questions", {"questions": too_many[1:]}))["questions"] == 1_000
    for number in range(services.settings.evaluation.max_sets - 1):
        await call("POST", "/sets", {"name": f"Set {number}"}, 201)
    assert "at most 50" in (await call("POST", "/sets", {"name": "One more"}, 409))["message"]


async def test_foreign_sets_look_like_none(call, golden, module_database):
    set_id = await golden()
    stranger = new_organization(module_database)
    for method, path, body in (
        ("GET", f"/sets/{set_id}", None),
        ("DELETE", f"/sets/{set_id}", None),
        ("GET", f"/sets/{set_id}/questions", None),
        ("PUT", f"/sets/{set_id}/questions", {"questions": []}),
        ("POST", "/runs", {"set_id": set_id}),
        ("POST", "/gates", {"name": "x", "set_id": set_id, "conditions": [{"metric": "map", "minimum": 0}]}),
    ):
        unknown = path.replace(set_id, str(new_id()))
        answers = [await call(method, each, body, 404, context=stranger) for each in (path, unknown)]
        assert answers[0]["message"] == answers[1]["message"]
    assert (await call("GET", "/sets", context=stranger))["sets"] == []


async def test_roles_limit_what_a_member_may_do(call, golden, owner, module_database):
    set_id = await golden()
    viewer, member = (new_member(module_database, owner, role) for role in ("viewer", "member"))
    await call("GET", f"/sets/{set_id}", status=403, context=viewer)
    await call("GET", f"/sets/{set_id}", context=member)
    await call("POST", "/runs", {"set_id": set_id}, 403, context=member)
    await call("DELETE", "/configuration", status=403, context=member)
    await call("GET", "/sets", status=401, context=None)


async def asked(services, owner, text):
    answer = await services.chat.answer(owner, ChatQuestion(text, use_cache=False))
    return str(answer.message_id), answer


async def test_an_answer_becomes_a_golden_question(call, golden, services, owner, documents, module_database):
    set_id = await golden()
    message_id, answer = await asked(services, owner, "When does the bakery open?")
    path = f"/sets/{set_id}/questions/from-message"
    right = await call("POST", path, {"message_id": message_id, "verdict": "correct"}, 201)
    assert right["text"] == "When does the bakery open?"
    assert right["document_ids"] == [documents["bakery"]]
    assert right["answers"][0] in answer.text
    assert "[1]" not in right["answers"][0]
    assert right["message_id"] == message_id
    wrong = {"message_id": message_id, "verdict": "wrong", "answers": ["At seven"]}
    judged_again = await call("POST", path, wrong, 201)
    assert (judged_again["id"], judged_again["answers"]) == (right["id"], ["At seven"])
    nothing = await call("POST", path, {"message_id": message_id, "verdict": "unanswerable"}, 201)
    assert (nothing["unanswerable"], nothing["answers"]) == (True, [])
    assert (await call("GET", f"/sets/{set_id}"))["questions"] == 4  # the question was in the set already
    colleague = new_member(module_database, owner)
    for body, status, context in (
        ({"message_id": message_id, "verdict": "wrong"}, 422, owner),
        ({"message_id": message_id, "verdict": "correct", "answers": ["x"]}, 422, owner),
        ({"message_id": str(new_id()), "verdict": "correct"}, 404, owner),
        ({"message_id": message_id, "verdict": "correct"}, 404, colleague),
        ({"message_id": message_id, "verdict": "correct"}, 403, replace(owner, permissions=frozenset())),
    ):
        await call("POST", path, body, status, context=context)
