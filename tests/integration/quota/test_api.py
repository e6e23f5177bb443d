"""`/quota`: what is used, caps, rates and blocks, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from footnote.platform.errors import ServiceUnavailable
from footnote.quota import Admission, Meter, Work
from footnote.quota.models import Used
from tests.support.metering import entitle
from tests.support.organizations import new_member, new_organization


@pytest.fixture
def member(module_database, owner):
    return new_member(module_database, owner, "member")


@pytest.fixture
def admin(module_database, owner):
    return new_member(module_database, owner, "admin")


def in_force(body, rate_class):
    (found,) = [rate for rate in body["rates"] if rate["rate_class"] == rate_class]
    return found


async def test_what_is_used_and_reserved_is_told_of_organization_and_member(api, process, owner, member):
    admission: Admission = process.container.admission
    for who, settle in ((owner, True), (member, True), (member, False)):
        units = {Meter.MESSAGES: 1, Meter.INPUT_TOKENS: 500, Meter.COST: 90, Meter.CONCURRENT_REQUESTS: 1}
        hold = await admission.admit(who, Work("chat", units, {"n": str(uuid4())}))
        if settle:
            used = (Used(Meter.MESSAGES, 1), Used(Meter.INPUT_TOKENS, 320, "m", 48))
            await admission.settle(who, hold.settlement(used))
    await api.call(owner, "PUT", "/quota/members/default", {"messages": 5})
    answer = await api.call(member, "GET", "/quota")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["plan"], body["plan_version"], body["stage"]) == ("pro", 1, "normal")
    assert body["tokens_per_message"] == 2000
    meters = {meter["meter"]: meter for meter in body["meters"]}
    assert {name: meters["messages"][name] for name in ("limit", "used", "reserved", "remaining")} == {
        "limit": 1000, "used": 2, "reserved": 1, "remaining": 997,
    }  # fmt: skip
    assert (meters["input_tokens"]["used"], meters["input_tokens"]["reserved"]) == (640, 500)
    assert (meters["cost"]["used"], meters["cost"]["limit"]) == (96, None)
    assert (meters["api_calls"]["used"], meters["api_calls"]["limit"]) == (0, 1000)
    assert meters["storage_bytes"]["reset_at"] is None
    start = datetime.fromisoformat(meters["messages"]["period_start"])
    end = datetime.fromisoformat(meters["messages"]["reset_at"])
    assert start.day == end.day == 1
    assert start <= datetime.now(UTC) < end
    assert body["concurrent_requests"] == {"limit": 16, "running": 1}
    mine = {meter["meter"]: meter for meter in body["member"]}
    assert set(mine) == {"messages", "api_calls", "cost"}
    assert (mine["messages"]["used"], mine["messages"]["reserved"]) == (1, 1)
    assert (mine["messages"]["limit"], mine["messages"]["remaining"]) == (5, 3)
    assert [(rate["rate_class"], rate["per_minute"], rate["source"]) for rate in body["rates"]] == [
        ("default", 100, "default"), ("chat", 30, "default"), ("search", 60, "default"),
    ]  # fmt: skip


async def test_a_nearly_spent_budget_lowers_the_rates(api, process, owner, module_database):
    entitle(module_database.superuser_dsn, owner.organization_id, "{}", stage="hard")
    body = (await api.call(owner, "GET", "/quota")).json()
    assert body["stage"] == "hard"
    assert in_force(body, "chat") == {
        "rate_class": "chat", "per_minute": 21, "source": "default", "is_reduced": True,
    }  # fmt: skip


async def test_caps_of_members_and_of_everyone(api, owner, member):
    path = f"/quota/members/{member.user_id}"
    assert (await api.call(owner, "PUT", "/quota/members/default", {"messages": 9})).status_code == 200
    answer = await api.call(owner, "PUT", path, {"cost": 70})
    assert answer.json() == {
        "user_id": str(member.user_id), "caps": {"cost": 70}, "effective": {"messages": 9, "cost": 70},
    }  # fmt: skip
    # A replacement, not an addition.
    assert (await api.call(owner, "PUT", path, {"messages": 0})).json()["caps"] == {"messages": 0}
    assert (await api.call(member, "GET", path)).json()["effective"] == {"messages": 0}
    assert (await api.call(owner, "DELETE", path)).status_code == 204
    assert (await api.call(owner, "GET", path)).json()["effective"] == {"messages": 9}
    assert (await api.call(owner, "GET", "/quota/members/default")).json()["user_id"] == "default"


async def test_caps_are_those_that_admission_holds_to(api, process, owner, member):
    await api.call(owner, "PUT", f"/quota/members/{member.user_id}", {"messages": 0})
    with pytest.raises(Exception, match="quota exceeded"):
        await process.container.admission.admit(member, Work("chat", {Meter.MESSAGES: 1}, {}))


async def test_rates_hold_from_the_next_call_on_and_the_narrowest_goes_first(api, owner, member):
    async def set_rate(**body):
        answer = await api.call(owner, "PUT", "/quota/rates", {"rate_class": "chat", **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert (await set_rate(kind="organization", per_minute=20))["id"] == str(owner.organization_id)
    await set_rate(kind="user", id=str(member.user_id), per_minute=10)
    assert in_force((await api.call(owner, "GET", "/quota")).json(), "chat")["per_minute"] == 20
    mine = in_force((await api.call(member, "GET", "/quota")).json(), "chat")
    assert (mine["per_minute"], mine["source"]) == (10, "user")
    body = (await api.call(member, "GET", "/quota/rates")).json()
    assert [(one["kind"], one["per_minute"]) for one in body["overrides"]] == [
        ("organization", 20), ("user", 10),
    ]  # fmt: skip
    query = f"?kind=user&id={member.user_id}&rate_class=chat"
    assert (await api.call(owner, "DELETE", f"/quota/rates{query}")).status_code == 204
    assert (await api.call(owner, "DELETE", f"/quota/rates{query}")).status_code == 404
    mine = in_force((await api.call(member, "GET", "/quota")).json(), "chat")
    assert (mine["per_minute"], mine["source"]) == (20, "organization")


async def test_a_rate_above_the_plans_is_refused_and_one_that_shuts_everybody_out(api, owner):
    async def refusal(**body):
        request = {"kind": "organization", "rate_class": "default", "per_minute": 5, **body}
        answer = await api.call(owner, "PUT", "/quota/rates", request)
        assert answer.status_code == 422, answer.text
        return answer.json()

    body = await refusal(rate_class="chat", per_minute=31)
    assert "The plan allows 30 requests a minute" in body["message"]
    assert body["details"] == {"limit": 30}
    assert "nobody could change that" in (await refusal(per_minute=0))["message"]
    assert "rate_class" in (await refusal(rate_class="everything"))["message"]
    assert "'id'" in (await refusal(kind="user"))["message"]
    mine = {"kind": "user", "id": str(owner.user_id)}
    assert "for the organization" in (await refusal(**mine, rate_class="organization"))["message"]
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assert "past" in (await refusal(expires_at=past))["message"]
    far = (datetime.now(UTC) + timedelta(days=3661)).isoformat()
    assert "ten years" in (await refusal(expires_at=far))["message"]
    assert "per_minute" in (await refusal(per_minute=-1))["message"]


async def test_a_block_holds_at_once_in_every_process(api, make_process, serve, owner, member):
    other = make_process()
    serve(other, "functions.quota.routes")
    assert (await api.call(member, "GET", "/quota")).status_code == 200  # the other process knows its terms
    serve(make_process(), "functions.quota.routes")
    body = {"kind": "user", "id": str(member.user_id), "duration_s": 600, "reason": "Leaked a password"}
    answer = await api.call(owner, "PUT", "/quota/blocks", body)
    assert answer.status_code == 200
    until = datetime.fromisoformat(answer.json()["expires_at"])
    assert abs((until - datetime.now(UTC)).total_seconds() - 600) < 30

    serve(other, "functions.quota.routes")
    refused = await api.call(member, "GET", "/quota")
    assert refused.status_code == 403
    assert refused.json()["code"] == "BLOCKED"
    told = datetime.fromisoformat(refused.json()["details"]["blocked_until"])
    assert abs((told - until).total_seconds()) <= 1
    assert "Leaked" not in refused.text
    (listed,) = (await api.call(owner, "GET", "/quota/blocks")).json()["blocks"]
    assert (listed["id"], listed["reason"]) == (str(member.user_id), "Leaked a password")
    assert listed["created_by"] == str(owner.user_id)

    query = f"?kind=user&id={member.user_id}"
    assert (await api.call(owner, "DELETE", f"/quota/blocks{query}")).status_code == 204
    assert (await api.call(member, "GET", "/quota")).status_code == 200
    assert (await api.call(owner, "DELETE", f"/quota/blocks{query}")).status_code == 404


async def test_rates_end_within_ten_years_and_blocks_within_one(api, owner, member):
    rate = {"kind": "organization", "rate_class": "chat", "per_minute": 5}
    far = (datetime.now(UTC) + timedelta(days=3659)).isoformat()
    assert (await api.call(owner, "PUT", "/quota/rates", {**rate, "expires_at": far})).status_code == 200
    block = {"kind": "user", "id": str(member.user_id), "reason": "Abuse"}
    year_s = 366 * 24 * 3600
    answer = await api.call(owner, "PUT", "/quota/blocks", {**block, "duration_s": year_s + 1})
    assert (answer.status_code, "duration_s" in answer.json()["message"]) == (422, True)
    answer = await api.call(owner, "PUT", "/quota/blocks", {**block, "duration_s": year_s})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("nobody", [UUID(int=0), uuid4()])
async def test_strangers_have_no_rates_and_no_blocks(api, owner, nobody):
    """The zero id stands for all members where caps are set, and nowhere else."""
    stranger = {"kind": "user", "id": str(nobody)}
    rate = await api.call(owner, "PUT", "/quota/rates", {**stranger, "rate_class": "chat", "per_minute": 5})
    block = await api.call(owner, "PUT", "/quota/blocks", {**stranger, "duration_s": 60, "reason": "Abuse"})
    assert [one.status_code for one in (rate, block)] == [404, 404]
    assert (await api.call(owner, "GET", "/quota/blocks")).json() == {"blocks": []}
    assert (await api.call(owner, "GET", "/quota/rates")).json()["overrides"] == []


async def test_a_block_survives_a_flush_of_redis(api, process, make_process, serve, owner, member):
    other = make_process()
    serve(other, "functions.quota.routes")
    assert (await api.call(member, "GET", "/quota")).status_code == 200
    serve(process, "functions.quota.routes")
    body = {"kind": "user", "id": str(member.user_id), "duration_s": 600, "reason": "Abuse"}
    assert (await api.call(owner, "PUT", "/quota/blocks", body)).status_code == 200
    await process.container.redis.run(lambda client: client.flushall())
    assert (await api.call(member, "GET", "/quota")).status_code == 403
    # Another process follows as soon as it has read the terms anew.
    serve(other, "functions.quota.routes")
    other.clock.advance(other.container.settings.rates.terms_keep_s)
    assert (await api.call(member, "GET", "/quota")).status_code == 403


async def test_a_block_that_is_lifted_without_redis_ends(api, process, owner, member, monkeypatch):
    """The copy that cannot be removed is forgotten soon: no block outlives its end in the store by long."""
    keep_s = process.container.settings.rates.terms_keep_s
    body = {"kind": "user", "id": str(member.user_id), "duration_s": 3_600, "reason": "Abuse"}
    assert (await api.call(owner, "PUT", "/quota/blocks", body)).status_code == 200

    async def away(*arguments):
        raise ServiceUnavailable("Redis is unavailable.")

    monkeypatch.setattr(process.container.rate_limiter, "remove", away)
    query = f"?kind=user&id={member.user_id}"
    assert (await api.call(owner, "DELETE", f"/quota/blocks{query}")).status_code == 204
    redis = process.container.redis
    (copy,) = await redis.run(lambda client: client.keys(f"t:{owner.organization_id}:block:*"))
    left_s = await redis.run(lambda client: client.pttl(copy)) / 1_000
    assert keep_s < left_s <= 6 * keep_s  # as long as another process may know older terms, and some more
    await redis.run(lambda client: client.pexpire(copy, 1))
    await asyncio.sleep(0.01)
    assert (await api.call(member, "GET", "/quota")).status_code == 200


async def test_a_blocked_key_leaves_the_members_other_ways_in(api, process, owner):
    key = uuid4()
    body = {"kind": "key", "id": str(key), "duration_s": 60, "reason": "Found in a public repository"}
    assert (await api.call(owner, "PUT", "/quota/blocks", body)).status_code == 200
    by_key = {"key_id": str(key)}
    assert (await api.call(owner, "GET", "/quota", claims=by_key)).json()["code"] == "BLOCKED"
    assert (await api.call(owner, "GET", "/quota")).status_code == 200


async def test_who_may_block_whom(api, module_database, owner, admin, member):
    async def block(who, whom, **changes):
        body = {"kind": "user", "id": str(whom), "duration_s": 60, "reason": "Test", **changes}
        return await api.call(who, "PUT", "/quota/blocks", body)

    themselves = await block(admin, admin.user_id)
    assert themselves.status_code == 422
    assert "yourself" in themselves.json()["message"]
    assert (await block(admin, owner.user_id)).status_code == 403
    second = new_member(module_database, owner, "owner")
    assert (await block(owner, second.user_id)).status_code == 200
    lift = f"/quota/blocks?kind=user&id={second.user_id}"
    assert (await api.call(admin, "DELETE", lift)).status_code == 403
    assert (await api.call(owner, "DELETE", lift)).status_code == 204
    for wrong in ({"duration_s": 0}, {"reason": ""}, {"kind": "organization"}, {"reason": "two\nlines"}):
        assert (await block(owner, member.user_id, **wrong)).status_code == 422


async def test_only_managers_change_anything_and_only_for_their_own_members(
    api, module_database, owner, member
):
    stranger = new_organization(module_database)
    changes = [
        ("PUT", "/quota/members/{id}", {"messages": 1}),
        ("DELETE", "/quota/members/{id}", None),
        ("PUT", "/quota/rates", {"kind": "user", "id": "{id}", "rate_class": "chat", "per_minute": 1}),
        ("DELETE", "/quota/rates?kind=user&id={id}&rate_class=chat", None),
        ("PUT", "/quota/blocks", {"kind": "user", "id": "{id}", "duration_s": 60, "reason": "No"}),
        ("DELETE", "/quota/blocks?kind=user&id={id}", None),
    ]
    for method, path, body in changes:
        for who, whom, expected in ((member, owner, 403), (owner, stranger, 404)):
            named = str(whom.user_id)
            filled = body and {name: named if value == "{id}" else value for name, value in body.items()}
            answer = await api.call(who, method, path.replace("{id}", named), filled)
            assert answer.status_code == expected, (method, path, answer.text)
    assert (await api.call(owner, "GET", f"/quota/members/{stranger.user_id}")).status_code == 404
    assert (await api.call(owner, "GET", "/quota/members/nobody")).status_code == 422
    assert (await api.call(None, "GET", "/quota")).status_code == 401
    # What one organization set is nothing to another.
    await api.call(owner, "PUT", "/quota/members/default", {"messages": 3})
    assert (await api.call(stranger, "GET", "/quota/members/default")).json()["caps"] == {}
    assert (await api.call(stranger, "GET", "/quota/rates")).json()["overrides"] == []
    assert (await api.call(stranger, "GET", "/quota/blocks")).json()["blocks"] == []
