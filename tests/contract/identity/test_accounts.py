"""A member's own account against real Postgres, for two organizations in one warm process."""

import psycopg
import pytest

from footnote.identity import ProfileChange
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, NotAuthenticated
from tests.support.accounts import PASSWORD, context_of, new_email


@pytest.fixture
async def ada(auth):
    return await auth.authentication.register(new_email(), PASSWORD, display_name="Ada")


@pytest.fixture
async def bob(auth):
    return await auth.authentication.register(new_email(), PASSWORD, display_name="Bob")


async def test_a_profile_is_the_account_behind_the_request(accounts, ada):
    profile = await accounts.accounts.profile(context_of(ada))
    assert profile.member == ada.member
    assert profile.preferences == {}
    assert profile.last_login_at is not None


async def test_two_organizations_in_one_process_never_see_each_other(accounts, ada, bob):
    for _ in range(20):
        for member, other in ((ada, bob), (bob, ada)):
            profile = await accounts.accounts.profile(context_of(member))
            assert profile.member == member.member
            await accounts.accounts.change_profile(
                context_of(member), ProfileChange(preferences={"canary": member.member.user.email})
            )
            seen = str(await accounts.accounts.profile(context_of(other)))
            assert member.member.user.email not in seen


async def test_a_member_of_one_organization_is_nobody_in_another(accounts, ada, bob):
    mine, theirs = context_of(ada), context_of(bob)
    crossed = OrganizationContext(theirs.organization_id, mine.user_id, session_id=mine.session_id)
    with pytest.raises(NotAuthenticated):
        await accounts.accounts.profile(crossed)
    with pytest.raises(NotAuthenticated):
        await accounts.accounts.change_profile(crossed, ProfileChange(display_name="Mallory"))
    assert (await accounts.accounts.profile(mine)).member.user.display_name == "Ada"


async def test_another_members_session_is_not_mine(accounts, ada, bob, module_database):
    adas, bobs = context_of(ada), context_of(bob)
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(
            "INSERT INTO core.memberships (organization_id, user_id, role) VALUES (%s, %s, 'member')",
            (adas.organization_id, bobs.user_id),
        )
    for session_id in (adas.session_id, bobs.session_id, None):
        borrowed = OrganizationContext(adas.organization_id, bobs.user_id, session_id=session_id)
        with pytest.raises(NotAuthenticated):
            await accounts.accounts.profile(borrowed)


async def test_changes_leave_other_fields_alone(accounts, ada):
    context = context_of(ada)
    await accounts.accounts.change_profile(
        context, ProfileChange(preferences={"theme": "dark", "n": [1, None]})
    )
    profile = await accounts.accounts.change_profile(context, ProfileChange(display_name="Countess"))
    assert profile.member.user.display_name == "Countess"
    assert profile.preferences == {"theme": "dark", "n": [1, None]}
    assert await accounts.accounts.profile(context) == profile


@pytest.mark.parametrize(
    "preferences",
    [
        {"a": "\x00"},
        {"\x00": 1},
        {"a": "\ud800"},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": "x" * 9000},
    ],
    ids=["nul", "nul name", "surrogate", "nan", "infinity", "size"],
)
async def test_preferences_that_cannot_be_stored(accounts, ada, preferences):
    with pytest.raises(InvalidRequest):
        await accounts.accounts.change_profile(context_of(ada), ProfileChange(preferences=preferences))


async def test_preferences_may_hold_any_other_text(accounts, ada):
    preferences = {"a": "\\u0000 is not a NUL", "ключ": "🔑", "": "empty"}
    profile = await accounts.accounts.change_profile(context_of(ada), ProfileChange(preferences=preferences))
    assert profile.preferences == preferences
