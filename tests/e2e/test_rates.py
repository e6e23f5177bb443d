"""Rate limits and blocks through the gateway, across functions and their processes."""

import httpx
import pytest


@pytest.fixture
def http(stack, member):
    headers = {"Authorization": f"Bearer {member.token}", "Origin": "http://localhost:5173"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def test_a_rate_that_is_set_holds_in_all_functions(http):
    quota = http.get("/quota")
    assert quota.status_code == 200
    limit, left = (int(quota.headers[f"ratelimit-{name}"]) for name in ("limit", "remaining"))
    # Another function counts the same caller on.
    account = http.get("/users/me")
    assert int(account.headers["ratelimit-remaining"]) == left - 1
    assert (int(account.headers["ratelimit-limit"]), account.headers["ratelimit-policy"]) == (
        limit, f"{limit};w=60",
    )  # fmt: skip
    user = account.json()["user"]["user_id"]

    body = {"kind": "user", "id": user, "rate_class": "default", "per_minute": 8}
    assert http.put("/quota/rates", json=body).status_code == 200
    answers = [http.get("/quota") for _ in range(8)]
    assert [answer.status_code for answer in answers].count(200) == 5
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.json()["code"] == "RATE_LIMITED"
    assert 0 < int(refused.headers["retry-after"]) <= 61
    # Questions are counted for themselves; looking through conversations counts with everything else.
    assert http.get("/chat/sessions").status_code == 429
    question = http.post("/chat", json={"message": "What is in my documents?"})
    assert question.status_code == 200
    assert int(question.headers["ratelimit-limit"]) > 8


def test_a_route_without_sign_in_is_counted_by_address(stack):
    answers = [
        httpx.post(f"{stack.url}/auth/login", json={"email": "nobody@example.com", "password": "x" * 12})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    left = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
    assert left[1] < left[0]
