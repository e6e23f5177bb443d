"""Sign-up, sign-in and sign-out against real Postgres and Redis."""

import asyncio

import psycopg
import pytest

from footnote.platform.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    ServiceUnavailable,
    TooManyRequests,
)
from tests.support.accounts import PASSWORD, context_of, new_email, session_of


def _query(database, statement, *values):
    with psycopg.connect(database.superuser_dsn) as connection:
        return connection.execute(statement, values).fetchone()


def _execute(database, statement, *values):
    with psycopg.connect(database.superuser_dsn) as connection:
        connection.execute(statement, values)


def _count_hashes(monkeypatch, authentication):
    """Counts the password checks that the service really makes."""
    passwords, checks = authentication._passwords, []
    verify = passwords.verify

    async def counted(hashed_password, password):
        checks.append(hashed_password)
        return await verify(hashed_password, password)

    monkeypatch.setattr(passwords, "verify", counted)
    return checks


async def test_registration_makes_user_organization_membership_and_session(auth, module_database):
    email = new_email()
    sign_in = await auth.authentication.register(email.upper(), PASSWORD, display_name="Ada")
    member = sign_in.member
    assert (member.user.email, member.user.display_name, member.role) == (email, "Ada", "owner")
    assert member.organization.name == "Ada's organization"
    assert member.organization.storage_prefix == f"organizations/{member.organization.organization_id}/"
    assert (member.organization.kind, member.organization.plan) == ("personal", "free")
    (hashed,) = _query(
        module_database, "SELECT hashed_password FROM core.users WHERE user_id = %s", member.user.user_id
    )
    assert hashed.startswith("$argon2id$")
    again = await auth.authentication.login(email, PASSWORD)
    assert again.member.user == member.user
    assert session_of(again) != session_of(sign_in)


async def test_a_taken_address_leaves_nothing_behind(auth, module_database):
    email = new_email()
    await auth.authentication.register(email, PASSWORD)
    before = _query(module_database, "SELECT count(*) FROM core.organizations")
    with pytest.raises(Conflict):
        await auth.authentication.register(email.upper(), "another password")
    assert _query(module_database, "SELECT count(*) FROM core.organizations") == before
    with pytest.raises(NotAuthenticated):
        await auth.authentication.login(email, "another password")


async def test_parallel_registrations_of_one_address_make_one_account(containers):
    email = new_email()
    processes = [containers("footnote_auth") for _ in range(6)]
    results = await asyncio.gather(
        *(process.authentication.register(email, PASSWORD) for process in processes), return_exceptions=True
    )
    assert sum(isinstance(result, Conflict) for result in results) == 5


async def test_unacceptable_credentials_never_reach_the_store(auth):
    for email, password in [("no address", PASSWORD), (new_email(), "short"), (new_email(), "password1")]:
        with pytest.raises(InvalidRequest):
            await auth.authentication.register(email, password)


async def test_wrong_password_and_unknown_address_get_the_same_answer(auth):
    email = new_email()
    await auth.authentication.register(email, PASSWORD)
    answers = []
    for address in (email, new_email()):
        for _ in range(7):
            with pytest.raises((NotAuthenticated, TooManyRequests)) as refusal:
                await auth.authentication.login(address, "wrong password")
            answers.append((type(refusal.value), refusal.value.message, refusal.value.details))
    assert answers[:7] == answers[7:]
    assert [kind for kind, *_ in answers[:7]] == [NotAuthenticated] * 5 + [TooManyRequests] * 2


async def test_used_up_attempts_say_when_to_come_back_and_end_with_their_window(containers, module_database):
    auth = containers("footnote_auth", max_login_attempts=2, lock_s=600)
    email = new_email()
    await auth.authentication.register(email, PASSWORD)
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            await auth.authentication.login(email, "wrong password")
    with pytest.raises(TooManyRequests) as refusal:
        await auth.authentication.login(email, PASSWORD)
    assert 590 <= refusal.value.retry_after_s <= 600
    _execute(
        module_database,
        "UPDATE core.login_attempts SET window_started_at = window_started_at - interval '590 s'",
    )
    with pytest.raises(TooManyRequests) as refusal:
        await auth.authentication.login(email, PASSWORD)
    assert 1 <= refusal.value.retry_after_s <= 10
    _execute(
        module_database,
        "UPDATE core.login_attempts SET window_started_at = window_started_at - interval '10 s'",
    )
    assert await auth.authentication.login(email, PASSWORD)


async def test_success_forgets_failures(auth):
    email = new_email()
    await auth.authentication.register(email, PASSWORD)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(NotAuthenticated):
                await auth.authentication.login(email, "wrong password")
        await auth.authentication.login(email, PASSWORD)


async def test_a_client_may_sign_in_many_times_at_once(containers):
    email = new_email()
    processes = [containers("footnote_auth") for _ in range(4)]
    await processes[0].authentication.register(email, PASSWORD)
    logins = (processes[i % 4].authentication.login(email, PASSWORD) for i in range(24))
    assert len({session_of(sign_in) for sign_in in await asyncio.gather(*logins)}) == 24


@pytest.mark.parametrize("is_known", [True, False])
async def test_parallel_guesses_cost_no_more_hashes_than_the_limit(containers, monkeypatch, is_known):
    email = new_email()
    processes = [containers("footnote_auth") for _ in range(5)]
    checks = []
    for process in processes:
        checks.append(_count_hashes(monkeypatch, process.authentication))
    if is_known:
        await processes[0].authentication.register(email, PASSWORD)
    results = await asyncio.gather(
        *(processes[i % 5].authentication.login(email, f"guess {i}") for i in range(50)),
        return_exceptions=True,
    )
    assert sum(len(counted) for counted in checks) == 5
    assert sum(isinstance(result, NotAuthenticated) for result in results) == 5
    assert sum(isinstance(result, TooManyRequests) for result in results) == 45


async def test_strangers_do_not_lock_out_a_device_that_signed_in_before(auth):
    email = new_email()
    await auth.authentication.register(email, PASSWORD, device_id="ada's laptop")
    for _ in range(6):
        with pytest.raises((NotAuthenticated, TooManyRequests)):
            await auth.authentication.login(email, "wrong password", device_id="somebody else's")
    with pytest.raises(TooManyRequests):
        await auth.authentication.login(email, PASSWORD)
    assert await auth.authentication.login(email, PASSWORD, device_id="ada's laptop")
    for _ in range(5):
        with pytest.raises(NotAuthenticated):
            await auth.authentication.login(email, "wrong password", device_id="ada's laptop")
    with pytest.raises(TooManyRequests):
        await auth.authentication.login(email, PASSWORD, device_id="ada's laptop")


async def test_a_closed_account_looks_like_none(auth, module_database):
    email = new_email()
    sign_in = await auth.authentication.register(email, PASSWORD)
    _execute(
        module_database,
        "UPDATE core.users SET is_active = false WHERE user_id = %s",
        sign_in.member.user.user_id,
    )
    with pytest.raises(NotAuthenticated, match="e-mail address or the password"):
        await auth.authentication.login(email, PASSWORD)
    with pytest.raises(NotAuthenticated):
        await auth.authentication.refresh(sign_in.refresh_token)


async def test_outdated_hashes_are_replaced_at_login(containers, module_database):
    email = new_email()
    sign_in = await containers("footnote_auth").authentication.register(email, PASSWORD)
    stronger = containers("footnote_auth", argon2_memory_kib=128)
    await stronger.authentication.login(email, PASSWORD)
    (hashed,) = _query(
        module_database,
        "SELECT hashed_password FROM core.users WHERE user_id = %s",
        sign_in.member.user.user_id,
    )
    assert "m=128," in hashed
    assert await stronger.authentication.login(email, PASSWORD)


async def test_expired_attempts_are_swept(auth, module_database):
    await _attempt(auth)
    _execute(
        module_database,
        "UPDATE core.login_attempts SET window_started_at = window_started_at - interval '1 hour'",
    )
    await _attempt(auth)
    await _attempt(auth)
    (old,) = _query(
        module_database,
        "SELECT count(*) FROM core.login_attempts WHERE window_started_at < now() - interval '1 hour'",
    )
    assert old == 0


async def _attempt(auth):
    with pytest.raises(NotAuthenticated):
        await auth.authentication.login(new_email(), "wrong password")


async def test_logout_ends_both_tokens(auth, authorizer, accounts):
    sign_in = await auth.authentication.register(new_email(), PASSWORD)
    other = await auth.authentication.login(sign_in.member.user.email, PASSWORD)
    header = f"Bearer {sign_in.access_token}"
    assert (await authorizer.authorizer.authorize(header)).session_id == session_of(sign_in)
    for _ in range(2):
        await auth.authentication.logout(context_of(sign_in))
    with pytest.raises(NotAuthenticated):
        await authorizer.authorizer.authorize(header)
    with pytest.raises(NotAuthenticated):
        await auth.authentication.refresh(sign_in.refresh_token)
    with pytest.raises(NotAuthenticated):
        await accounts.accounts.profile(context_of(sign_in))
    assert await authorizer.authorizer.authorize(f"bearer {other.access_token}")
    assert await auth.authentication.refresh(other.refresh_token)


async def test_the_revocation_list_lasts_as_long_as_the_access_token(auth, redis_server):
    sign_in = await auth.authentication.register(new_email(), PASSWORD)
    await auth.authentication.logout(context_of(sign_in))
    organization = sign_in.member.organization.organization_id
    ttl = await auth.redis.run(lambda client: client.ttl(f"t:{organization}:revoked:{session_of(sign_in)}"))
    assert 600 < ttl <= 605


async def test_without_redis_logout_ends_the_session_and_tokens_live_out_their_time(
    auth, authorizer, accounts, redis_server
):
    sign_in = await auth.authentication.register(new_email(), PASSWORD)
    redis_server.stop()
    try:
        await auth.authentication.logout(context_of(sign_in))
        assert await authorizer.authorizer.authorize(f"Bearer {sign_in.access_token}")
        with pytest.raises(NotAuthenticated):
            await auth.authentication.refresh(sign_in.refresh_token)
        with pytest.raises(NotAuthenticated):
            await accounts.accounts.profile(context_of(sign_in))
    finally:
        redis_server.start()


async def test_without_postgres_nothing_is_spent(containers, auth, module_database):
    sign_in = await auth.authentication.register(new_email(), PASSWORD)
    down = containers("footnote_auth")
    down.__dict__["settings"] = down.settings.model_copy(
        update={"postgres": down.settings.postgres.model_copy(update={"port": 1})}
    )
    for call in (
        down.authentication.refresh(sign_in.refresh_token),
        down.authentication.login(sign_in.member.user.email, PASSWORD),
        down.authentication.register(new_email(), PASSWORD),
    ):
        with pytest.raises(ServiceUnavailable) as refusal:
            await call
        assert refusal.value.retry_after_s
    assert await auth.authentication.refresh(sign_in.refresh_token)
