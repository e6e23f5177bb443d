"""Every route that takes an id, asked with another organization's (reliability.md, 3.5).

What the owner may do must look to everybody else as if there were no such thing.
"""

import json
import re
import uuid
from dataclasses import dataclass, field

import httpx
import pytest

SECRET = "The launch code of the observatory is pangolin-6613."
# An invoice takes a month to come: tests/integration/billing/test_api.py looks at those.
ELSEWHERE = {("GET", "/billing/invoices/{invoice_id}"), ("GET", "/billing/invoices/{invoice_id}/pdf")}
# Those look through one's own: a foreign id finds nothing.
FILTERS = {("GET", "/evaluations/runs"), ("POST", "/search"), ("POST", "/search/explain")}


@dataclass(frozen=True)
class Ask:
    """A request about things of the owner's; `{name}` stands for an id of them."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] | None = None

    @property
    def route(self):
        return self.method, self.path


EXPECTED = {"text": "What is the launch code?", "answers": ["pangolin-6613"]}
CONDITIONS = [{"metric": "ndcg@10", "minimum": 0}]
# Reads, changes and at last deletions: the owner comes after the stranger, with the same request.
ASKS = (
    Ask("GET", "/documents/{document_id}"),
    Ask("GET", "/chat/sessions/{session_id}/messages"),
    Ask("POST", "/chat", body={"message": "And what else?", "session_id": "{session_id}"}),
    Ask("POST", "/chat/message", body={"message": "And what else?", "session_id": "{session_id}"}),
    Ask("GET", "/chat/messages/{message_id}/explain"),
    Ask("GET", "/quota/members/{user_id}"),
    Ask("PUT", "/quota/members/{user_id}", body={"messages": 1_000}),
    Ask("DELETE", "/quota/members/{user_id}"),
    Ask(
        "PUT",
        "/quota/rates",
        body={"kind": "user", "id": "{user_id}", "rate_class": "chat", "per_minute": 900},
    ),
    Ask("DELETE", "/quota/rates", {"kind": "user", "id": "{user_id}", "rate_class": "chat"}),
    Ask(
        "PUT",
        "/quota/rates",
        body={"kind": "organization", "id": "{organization_id}", "rate_class": "chat", "per_minute": 900},
    ),
    Ask("PUT", "/quota/blocks", body={"kind": "user", "id": "{user_id}", "duration_s": 1, "reason": "test"}),
    Ask("DELETE", "/quota/blocks", {"kind": "key", "id": "{key_id}"}),
    Ask("GET", "/billing/webhooks/{endpoint_id}/secret"),
    Ask("POST", "/billing/webhooks/{endpoint_id}/test"),
    Ask("GET", "/evaluations/sets/{set_id}"),
    Ask("GET", "/evaluations/sets/{set_id}/questions"),
    Ask("PUT", "/evaluations/sets/{set_id}/questions", body={"questions": [EXPECTED]}),
    Ask(
        "POST",
        "/evaluations/sets/{set_id}/questions/from-message",
        body={"message_id": "{message_id}", "verdict": "wrong", "answers": ["pangolin-6613"]},
    ),
    Ask("POST", "/evaluations/gates", body={"name": "g", "set_id": "{set_id}", "conditions": CONDITIONS}),
    Ask("GET", "/evaluations/gates/{gate_id}"),
    Ask("GET", "/evaluations/gates/{gate_id}/verdict", {"candidate_run": "{run_id}"}),
    Ask("POST", "/evaluations/gates/{gate_id}/activate", body={"run_id": "{run_id}"}),
    Ask("POST", "/evaluations/runs", body={"set_id": "{set_id}"}),
    Ask("GET", "/evaluations/runs/{run_id}"),
    Ask("GET", "/evaluations/runs/{run_id}/results"),
    Ask("GET", "/evaluations/runs/{run_id}/report"),
    Ask("GET", "/evaluations/compare", {"a": "{run_id}", "b": "{run_id}"}),
    Ask("POST", "/evaluations/runs/{run_id}/cancel"),
    Ask("DELETE", "/evaluations/gates/{gate_id}"),
    Ask("DELETE", "/evaluations/runs/{run_id}"),
    Ask("DELETE", "/evaluations/sets/{set_id}"),
    Ask("DELETE", "/billing/webhooks/{endpoint_id}"),
    Ask("DELETE", "/chat/sessions/{session_id}"),
    Ask("DELETE", "/documents/{document_id}"),
)


def filled(value, ids):
    """With ids in place of their names."""
    if isinstance(value, dict):
        return {name: filled(one, ids) for name, one in value.items()}
    return value.format(**ids) if isinstance(value, str) else value


def send(http, ask, ids):
    return http.request(
        ask.method,
        ask.path.format(**ids),
        params=filled(ask.query, ids),
        json=ask.body and filled(ask.body, ids),
    )


def client_of(stack, member):
    headers = {"Authorization": f"Bearer {member.token}"}
    return httpx.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def people(stack):
    """The owner of all kinds of things, their ids, and a stranger who owns another organization."""
    with stack.new_member() as owner, stack.new_member() as stranger:
        document_id = owner.upload(SECRET.encode(), "launch.txt")
        owner.wait([document_id])
        with client_of(stack, owner) as own, client_of(stack, stranger) as strange:
            yield own, strange, things_of(own, owner, document_id)


def things_of(http, owner, document_id):
    """One of each; their ids."""

    def made(method, path, body):
        answer = http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    answer = made("POST", "/chat", {"message": "What is the launch code of the observatory?"})
    endpoint = made("POST", "/billing/webhooks", {"url": "http://127.0.0.1:9/hook"})
    set_id = made("POST", "/evaluations/sets", {"name": "s"})["id"]
    made("PUT", f"/evaluations/sets/{set_id}/questions", {"questions": [EXPECTED]})
    key_id = str(uuid.uuid4())
    gate = {"name": "g", "set_id": set_id, "conditions": CONDITIONS}
    made("PUT", "/quota/blocks", {"kind": "key", "id": key_id, "duration_s": 3_600, "reason": "test"})
    return {
        "user_id": owner.me()["user"]["user_id"],
        "organization_id": owner.me()["organization"]["organization_id"],
        "document_id": document_id,
        "session_id": answer["session_id"],
        "message_id": answer["message_id"],
        "endpoint_id": endpoint["endpoint"]["id"],
        "key_id": key_id,
        "set_id": set_id,
        "gate_id": made("POST", "/evaluations/gates", gate)["id"],
        "run_id": made("POST", "/evaluations/runs", {"set_id": set_id})["id"],
    }


def test_a_foreign_id_finds_nothing_in_what_is_ones_own(people):
    own, strange, ids = people
    document_id, query = ids["document_id"], "launch code of the observatory"
    found = {}
    for name, http in (("own", own), ("strange", strange)):
        search = http.post(
            "/search", json={"query": query, "filters": {"document_ids": [document_id]}}
        ).json()
        verdict = http.post("/search/explain", json={"query": query, "document_id": document_id}).json()
        runs = http.get("/evaluations/runs", params={"set_id": ids["set_id"]}).json()
        found[name] = len(search["results"]), verdict["verdict"]["cause"], len(runs["runs"])
    assert found == {"own": (1, "found", 1), "strange": (0, "not_there", 0)}


def test_who_one_is_cannot_be_said_in_a_header(people):
    """The functions read this header where an adapter stands before them, which sets it anew."""
    own, strange, ids = people
    claims = {"organization_id": ids["organization_id"], "user_id": ids["user_id"], "role": "owner"}
    claims["permissions"] = "chat:read,documents:read,evaluation:read,billing:read,organization:read"
    forged = {"x-amzn-request-context": json.dumps({"authorizer": claims, "requestId": "forged"})}
    for path in (
        "chat/sessions/{session_id}/messages",
        "documents/{document_id}",
        "evaluations/sets/{set_id}",
    ):
        assert own.get(path.format(**ids)).status_code == 200
        assert strange.get(path.format(**ids), headers=forged).status_code == 404
        assert httpx.get(f"{own.base_url}/{path.format(**ids)}", headers=forged).status_code == 401
    assert strange.get("/users/me", headers=forged).json()["user"]["user_id"] != ids["user_id"]


def test_a_foreign_id_looks_like_a_missing_one_and_changes_nothing(people):
    own, strange, ids = people
    missing = {name: str(uuid.uuid4()) for name in ids}
    problems = []
    for ask in ASKS:
        told = {}
        for kind, used in (("foreign", ids), ("missing", missing)):
            answer = send(strange, ask, used)
            if answer.status_code not in {403, 404}:
                problems.append(f"{kind} {ask.route}: {answer.status_code} {answer.text[:300]}")
            elif "pangolin" in answer.text:
                problems.append(f"{kind} {ask.route} tells what is in there")
            text = re.sub("|".join(used.values()), "ID", answer.text)
            told[kind] = answer.status_code, re.sub(r'"request_id":"[^"]*"', "", text)
        if told["foreign"] != told["missing"]:
            problems.append(f"{ask.route} tells foreign from missing: {told}")
        answer = send(own, ask, ids)
        # Some are refused to the owner for what they are, but none as if they were not there.
        if answer.status_code in {403, 404} or answer.status_code >= 500:
            problems.append(f"the owner's {ask.route}: {answer.status_code} {answer.text[:300]}")
    assert problems == []


def test_all_routes_that_take_ids_are_asked(stack):
    document = httpx.get(f"{stack.url}/openapi.json", timeout=60, trust_env=False).json()
    taking = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if takes_ids(document, operation)
    }
    asked = {ask.route for ask in ASKS}
    assert taking - asked - ELSEWHERE - FILTERS == set()
    assert asked | ELSEWHERE | FILTERS <= taking


def takes_ids(document, operation):
    """Whether a parameter or a field of the body, however deep, is an id."""
    waiting = [one["schema"] for one in operation.get("parameters", [])]
    waiting += [one["schema"] for one in operation.get("requestBody", {}).get("content", {}).values()]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one.get("format") == "uuid":
            return True
        reference = one.get("$ref")
        if reference and reference not in seen:
            seen.add(reference)
            waiting.append(document["components"]["schemas"][reference.rsplit("/", 1)[1]])
        waiting += [*one.get("anyOf", ()), *one.get("allOf", ()), *one.get("properties", {}).values()]
        waiting += [one["items"]] if "items" in one else []
    return False
