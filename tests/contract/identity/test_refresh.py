"""Refresh-token families against real Postgres and Redis (reliability.md, c and C6)."""

import asyncio
import json

import psycopg
import pytest

from footnote.identity import authentication
from footnote.identity.keys import parse_signing_keys
from footnote.identity.refresh_tokens import derive_token, new_family_key, open_key, parse_token
from footnote.platform.errors import NotAuthenticated, ServiceUnavailable
from footnote.platform.settings import IdentitySettings
from tests.support.accounts import PASSWORD, new_email, session_of


@pytest.fixture
async def signed_in(auth):
    return await auth.authentication.register(new_email(), PASSWORD, device_id="laptop")


@pytest.fixture
def row(module_database):
    """Reads or changes the row of a family."""

    def read(sign_in, change=None):
        with psycopg.connect(module_database.superuser_dsn) as connection:
            if change:
                connection.execute(
                    f"UPDATE core.sessions SET {change} WHERE family_id = %s", (session_of(sign_in),)
                )
            return connection.execute(
                "SELECT generation, revoked_reason FROM core.sessions WHERE family_id = %s",
                (session_of(sign_in),),
            ).fetchone()

    return read


def _refresh(container, sign_in, device="laptop"):
    return container.authentication.refresh(sign_in.refresh_token, device_id=device)


async def test_a_token_buys_its_successor(auth, authorizer, signed_in, row):
    tokens = [signed_in]
    for _ in range(4):
        tokens.append(await _refresh(auth, tokens[-1]))
    assert [parse_token(pair.refresh_token).generation for pair in tokens] == [0, 1, 2, 3, 4]
    assert len({session_of(pair) for pair in tokens}) == 1
    claims = await authorizer.authorizer.authorize(f"Bearer {tokens[-1].access_token}")
    assert claims.session_id == session_of(signed_in)
    assert row(signed_in) == (4, None)


async def test_a_lost_answer_can_be_asked_for_again(auth, signed_in, row):
    first = await _refresh(auth, signed_in)
    for _ in range(3):
        assert (await _refresh(auth, signed_in)).refresh_token == first.refresh_token
    assert row(signed_in) == (1, None)


@pytest.mark.parametrize(
    ("change", "device"),
    [
        ("rotated_at = rotated_at - interval '11 s'", "laptop"),
        ("generation = generation", "another"),
        ("generation = generation", None),
    ],
    ids=["too late", "another device", "no device"],
)
async def test_any_other_reuse_ends_the_family_and_no_other(auth, authorizer, signed_in, row, change, device):
    neighbour = await auth.authentication.login(signed_in.member.user.email, PASSWORD, device_id="laptop")
    successor = await _refresh(auth, signed_in)
    row(signed_in, change)
    with pytest.raises(NotAuthenticated):
        await _refresh(auth, signed_in, device)
    # The revocation is committed although the request failed.
    assert row(signed_in) == (1, "reused")
    with pytest.raises(NotAuthenticated):
        await _refresh(auth, successor)
    with pytest.raises(NotAuthenticated):
        await authorizer.authorizer.authorize(f"Bearer {successor.access_token}")
    assert await _refresh(auth, neighbour)
    assert await authorizer.authorizer.authorize(f"Bearer {neighbour.access_token}")


async def test_the_parent_of_a_parent_is_reuse_even_at_once(auth, signed_in, row):
    await _refresh(auth, await _refresh(auth, signed_in))
    with pytest.raises(NotAuthenticated):
        await _refresh(auth, signed_in)
    assert row(signed_in) == (2, "reused")


async def test_parallel_uses_of_one_token_make_one_successor(containers, signed_in, row):
    processes = [containers("footnote_auth") for _ in range(5)]
    results = await asyncio.gather(*(_refresh(processes[i % 5], signed_in) for i in range(20)))
    assert len({result.refresh_token for result in results}) == 1
    assert row(signed_in) == (1, None)


async def test_parallel_uses_by_two_devices_end_the_family(containers, signed_in, row):
    processes = [containers("footnote_auth") for _ in range(4)]
    devices = ["laptop", "thief"] * 10
    results = await asyncio.gather(
        *(_refresh(processes[i % 4], signed_in, device) for i, device in enumerate(devices)),
        return_exceptions=True,
    )
    generation, reason = row(signed_in)
    assert (generation, reason) == (1, "reused")
    assert sum(isinstance(result, NotAuthenticated) for result in results) >= 9


async def test_a_token_from_the_future_is_an_alarm(
    auth, signed_in, row, module_database, secrets, monkeypatch
):
    alarms = []
    monkeypatch.setattr(authentication.logger, "critical", lambda text, extra: alarms.append(extra))
    family = session_of(signed_in)
    with psycopg.connect(module_database.superuser_dsn) as connection:
        sealed = connection.execute(
            "SELECT sealed_key FROM core.sessions WHERE family_id = %s", (family,)
        ).fetchone()[0]
    session_key = parse_signing_keys(secrets[IdentitySettings().signing_secret]).session_key
    forged = derive_token(open_key(session_key, family, sealed), family, 1)
    with pytest.raises(NotAuthenticated):
        await auth.authentication.refresh(forged, device_id="laptop")
    assert row(signed_in) == (0, "forged")
    assert alarms == [{"event": "refresh_token_forged", "session_id": str(family)}]


async def test_tokens_that_were_never_issued_do_no_harm(auth, signed_in, row):
    family = session_of(signed_in)
    for text in (
        derive_token(new_family_key(), family, 0),
        derive_token(new_family_key(), family, 9),
        signed_in.access_token,
        "rt1.",
        "",
    ):
        with pytest.raises(NotAuthenticated):
            await auth.authentication.refresh(text, device_id="laptop")
    assert row(signed_in) == (0, None)
    assert await _refresh(auth, signed_in)


@pytest.mark.parametrize("column", ["idle_expires_at", "absolute_expires_at"])
async def test_an_expired_family_has_ended(auth, signed_in, row, column):
    row(signed_in, f"{column} = now()")
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            await _refresh(auth, signed_in)
    assert row(signed_in) == (0, None)


async def test_use_renews_the_idle_time_but_not_the_absolute_one(auth, signed_in, module_database):
    query = (
        "SELECT idle_expires_at, absolute_expires_at FROM core.sessions WHERE family_id = %s",
        (session_of(signed_in),),
    )
    with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
        idle, absolute = connection.execute(*query).fetchone()
        assert (absolute - idle).days == 90 - 14
        await _refresh(auth, signed_in)
        later, same = connection.execute(*query).fetchone()
    assert later > idle
    assert same == absolute


async def test_a_replaced_session_key_ends_sessions_without_an_error(auth, containers, signed_in):
    replaced = containers("footnote_auth")
    secret_id = IdentitySettings().signing_secret
    secret = json.loads(await auth.secrets.get(secret_id))
    texts = replaced.secrets._secrets
    texts[secret_id] = json.dumps({**secret, "session_key_base64": "A" * 43 + "="})
    with pytest.raises(NotAuthenticated):
        await _refresh(replaced, signed_in)


async def test_the_successor_carries_the_current_role_and_plan(auth, authorizer, signed_in, module_database):
    organization = signed_in.member.organization.organization_id
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(
            "UPDATE core.organizations SET plan = 'pro' WHERE organization_id = %s", (organization,)
        )
        connection.execute(
            "UPDATE core.memberships SET role = 'viewer' WHERE organization_id = %s", (organization,)
        )
    successor = await _refresh(auth, signed_in)
    claims = await authorizer.authorizer.authorize(f"Bearer {successor.access_token}")
    assert (claims.role, claims.plan) == ("viewer", "pro")


async def test_a_member_who_left_cannot_refresh(auth, signed_in, module_database):
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(
            "DELETE FROM core.memberships WHERE user_id = %s", (signed_in.member.user.user_id,)
        )
    with pytest.raises(NotAuthenticated):
        await _refresh(auth, signed_in)


async def test_an_unreadable_signing_secret_spends_nothing(auth, containers, signed_in):
    broken = containers("footnote_auth")
    del broken.secrets._secrets[IdentitySettings().signing_secret]
    with pytest.raises(ServiceUnavailable):
        await _refresh(broken, signed_in)
    assert await _refresh(auth, signed_in)
