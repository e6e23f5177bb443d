"""Text that is no text, and bodies that are no JSON, to every route with a body (reliability.md, 3.5)."""

import copy
import json

import httpx
import pytest

SOME_ID = "00000000-0000-4000-8000-00000000000a"
FILTERS = {"category": "c", "tags": ["t"]}
HISTORY = [{"actor": "user", "text": "What?"}]
# A request of each route that is as it should be; each text in it is replaced by worse ones.
REQUESTS = {
    ("POST", "/auth/login"): {"email": "nobody@footnote.example", "password": "long enough 12"},
    ("POST", "/auth/register"): {
        "email": "no address", "password": "long enough 12", "display_name": "a", "organization_name": "b",
    },
    ("POST", "/auth/refresh"): {"refresh_token": "t"},
    ("PATCH", "/users/me"): {"display_name": "a", "preferences": {"colour": "blue", "deep": [{"a": "b"}]}},
    ("PUT", "/billing/budget"): {"amount_micro_usd": 5_000_000, "reason": "r"},
    ("POST", "/billing/budget/override"): {"stage": "soft", "until": "2020-01-01T00:00:00Z", "reason": "r"},
    ("PUT", "/billing/profile"): {
        "legal_name": "a", "address": "b\nc", "tax_id": "d", "email": "e@f.example", "time_zone": "UTC",
    },
    ("POST", "/billing/subscription"): {"plan": "no_such_plan"},
    ("POST", "/billing/webhooks"): {
        "url": "http://127.0.0.1:9/hook", "topics": ["quota.*"], "description": "d",
    },
    ("PUT", "/quota/members/{user_id}"): {"messages": 1_000_000},
    ("PUT", "/quota/rates"): {"kind": "user", "id": SOME_ID, "rate_class": "chat", "per_minute": 5},
    ("PUT", "/quota/blocks"): {"kind": "key", "id": SOME_ID, "duration_s": 5, "reason": "r"},
    ("POST", "/documents"): {
        "filename": "a.txt", "title": "t", "category": "c", "tags": ["t"], "content_type": "text/plain",
    },
    ("POST", "/search"): {"query": "q", "filters": FILTERS, "history": HISTORY},
    ("POST", "/search/explain"): {
        "query": "q", "document_id": SOME_ID, "filters": FILTERS, "history": HISTORY,
    },
    ("POST", "/chat"): {"message": "q", "filters": FILTERS, "history": HISTORY},
    ("POST", "/chat/message"): {"message": "q", "filters": FILTERS, "history": HISTORY},
    ("POST", "/evaluations/sets"): {"name": "n", "description": "d"},
    ("PUT", "/evaluations/sets/{set_id}/questions"): {
        "questions": [
            {"text": "q", "history": HISTORY, "filenames": ["f"], "answers": ["a"], "tags": ["t"]},
        ],
    },
    ("POST", "/evaluations/sets/{set_id}/questions/from-message"): {
        "message_id": SOME_ID, "verdict": "wrong", "answers": ["a"],
    },
    ("POST", "/evaluations/runs"): {"set_id": SOME_ID, "label": "l", "overrides": {"chat.unsupported": "x"}},
    ("POST", "/evaluations/gates"): {
        "name": "n", "set_id": SOME_ID, "conditions": [{"metric": "ndcg@10", "minimum": 0.5}],
    },
    ("POST", "/evaluations/gates/{gate_id}/activate"): {"run_id": SOME_ID},
}  # fmt: skip
UNSTORABLE = ("a\x00b", "\x00", "a\ud800b", "\udc00")
ODD = (
    "",
    "   ",
    "\x1b[31m",
    "\u202eabc",
    "\ufeff",
    "\uffff",
    "\U000e0041",
    "😀" * 3_000,
    "x" * 300_000,
    "=1+1",
)
# Cut off, deeper than any parser goes, no text, endless and impossible numbers, other encodings.
BROKEN = (
    b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"1" * 10_000, b'{"a": 1e999}', b"NaN", b"null",
    b"[]", b'"text"', b"", b"\xef\xbb\xbf{}", '{"a": "b"}'.encode("utf-16"), b'{"a": 1, "a": 2}', b"\x00",
)  # fmt: skip
MEDIA_TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data",
    "x",
)


@pytest.fixture
def http(stack, member):
    headers = {"Authorization": f"Bearer {member.token}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as client:
        set_id = client.post("/evaluations/sets", json={"name": "s"}).json()["id"]
        ids = {"user_id": "default", "set_id": set_id, "gate_id": SOME_ID}

        def send(route, content, media_type="application/json", **headers):
            method, path = route
            headers = {"content-type": media_type, **headers}
            return client.request(method, path.format(**ids), content=content, headers=headers)

        yield send


def texts(value, place=()):
    """The places of all texts."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(one, (*place, name))


def replaced(body, place, text):
    changed = copy.deepcopy(body)
    holder = changed
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = text
    return changed


@pytest.mark.parametrize("route", REQUESTS, ids=" ".join)
def test_no_text_fails_the_server(http, route):
    body = REQUESTS[route]
    assert http(route, json.dumps(body)).status_code < 500
    problems = []
    for place in texts(body):
        for text in (*UNSTORABLE, *ODD):
            answer = http(route, json.dumps(replaced(body, place, text)))
            problems += problem_of(answer, f"{place} {text[:10]!r}")
            if text in UNSTORABLE and answer.status_code != 422:
                problems.append(f"{place} {text!r}: {answer.status_code}, not 422")
    for name in (*UNSTORABLE, *ODD[:-2]):
        problems += problem_of(http(route, json.dumps({**body, name: 1})), f"a field {name[:10]!r}")
    assert problems == []


@pytest.mark.parametrize("route", REQUESTS, ids=" ".join)
def test_no_body_fails_the_server(http, route):
    problems = []
    for content in BROKEN:
        for media_type in MEDIA_TYPES if len(content) < 100 else MEDIA_TYPES[:1]:
            problems += problem_of(http(route, content, media_type), f"{content[:10]} as {media_type}")
    for text in ("é", "a b", "x" * 5_000, "😀"):
        sent = {name: text.encode() for name in ("Idempotency-Key", "X-Device-Id", "X-Request-ID")}
        problems += problem_of(http(route, json.dumps(REQUESTS[route]), **sent), f"headers {text[:10]!r}")
    assert problems == []


def test_no_number_fails_the_server(http):
    """Those that Python reads and no store keeps, and those that are larger than any column."""
    set_id = http(("POST", "/evaluations/sets"), '{"name": "numbers"}').json()["id"]
    problems = []
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "1e308", "-0.0", "9" * 400):
        condition = f'{{"metric": "ndcg@10", "minimum": {number}}}'
        for route, body in (
            (
                "POST /evaluations/gates",
                f'{{"name": "n", "set_id": "{set_id}", "conditions": [{condition}]}}',
            ),
            (
                "POST /evaluations/runs",
                f'{{"set_id": "{set_id}", "overrides": {{"chat.passages": {number}}}}}',
            ),
            ("PUT /billing/budget", f'{{"amount_micro_usd": {number}}}'),
            ("PUT /quota/members/{user_id}", f'{{"cost": {number}}}'),
            ("PATCH /users/me", f'{{"preferences": {{"a": {number}}}}}'),
            ("POST /chat", f'{{"message": "q", "temperature": {number}}}'),
        ):
            problems += problem_of(http(tuple(route.split()), body), f"{route}: {number}")
    assert problems == []


def problem_of(answer, what):
    """Answers are of the API, whatever was sent."""
    if answer.status_code >= 500:
        return [f"{what}: {answer.status_code} {answer.text[:200]}"]
    if answer.status_code >= 400 and set(answer.json()) != {"code", "message", "details", "request_id"}:
        return [f"{what}: {answer.text[:200]}"]
    return []


def test_every_route_with_a_body_is_asked(stack):
    document = httpx.get(f"{stack.url}/openapi.json", timeout=60, trust_env=False).json()
    taking = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    assert taking == REQUESTS.keys()
