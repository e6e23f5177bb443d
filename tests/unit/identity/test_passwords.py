"""Which passwords are accepted, and how they are hashed."""

import pytest

from footnote.identity.passwords import PasswordPolicy, Passwords, common_passwords
from footnote.platform.errors import InvalidRequest
from footnote.platform.settings import IdentitySettings
from tests.support.identity import FAST_HASHING

EMAIL = "ada.lovelace@example.com"
SETTINGS = IdentitySettings(**FAST_HASHING)


@pytest.fixture
def policy():
    return PasswordPolicy(IdentitySettings())


@pytest.mark.parametrize(
    "password",
    [
        "YourSecurePassword123!",
        "eight ch",
        "пароль-длинный",
        "🔑🔑🔑🔑🔑🔑🔑🔑",
        "x" * 1024,
        " leading and trailing ",
    ],
)
def test_accepts(policy, password):
    policy.check(password, EMAIL)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 8"),
        ("seven77", "at least 8"),
        ("x" * 1025, "longer than 1024 bytes"),
        ("é" * 513, "longer than 1024 bytes"),
        ("password", "most common"),
        ("PassWord1", "most common"),
        ("qwertyuiop", "most common"),
        ("１２３４５６７８", "most common"),
        ("ada.lovelace@example.com", "e-mail"),
        ("Ada.Lovelace", "e-mail"),
    ],
)
def test_refuses(policy, password, reason):
    with pytest.raises(InvalidRequest, match=reason):
        policy.check(password, EMAIL)


def test_common_passwords_are_many_and_each_long_enough_to_matter():
    common = common_passwords()
    assert len(common) > 1_000
    assert all(len(password) >= 8 and password == password.casefold() for password in common)


async def test_a_password_matches_its_hash_and_no_other():
    passwords = Passwords(SETTINGS)
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert (await passwords.verify(hashed, "correct horse")).is_right
    assert not (await passwords.verify(hashed, "correct horsf")).is_right
    assert await passwords.hash("correct horse") != hashed


async def test_nothing_of_a_long_password_is_cut_off():
    passwords = Passwords(SETTINGS)
    hashed = await passwords.hash("x" * 1023 + "a")
    assert not (await passwords.verify(hashed, "x" * 1023 + "b")).is_right


async def test_composed_and_decomposed_characters_are_the_same_password():
    passwords = Passwords(SETTINGS)
    hashed = await passwords.hash("Caf\u00e9 au lait")
    assert (await passwords.verify(hashed, "Cafe\u0301 au lait")).is_right


async def test_no_password_matches_a_missing_account():
    passwords = Passwords(SETTINGS)
    assert not (await passwords.verify(None, "")).is_right
    assert not (await passwords.verify(None, "anything at all")).is_right


async def test_a_missing_account_costs_the_same_work(monkeypatch):
    passwords, verified = Passwords(SETTINGS), []
    verify = passwords._hasher.verify
    monkeypatch.setattr(
        passwords,
        "_hasher",
        type("Recorder", (), {"verify": lambda _, h, p: verified.append(h) or verify(h, p)})(),
    )
    await passwords.verify(None, "guess")
    await passwords.verify(await Passwords(SETTINGS).hash("right"), "guess")
    of_nobody, of_somebody = (hashed.split("$")[1:4] for hashed in verified)
    assert of_nobody == of_somebody


async def test_outdated_parameters_ask_for_a_new_hash():
    old = await Passwords(SETTINGS).hash("correct horse")
    verification = await Passwords(IdentitySettings(argon2_memory_kib=128, argon2_time_cost=1)).verify(
        old, "correct horse"
    )
    assert verification.is_right
    assert verification.needs_rehash
    assert not (await Passwords(SETTINGS).verify(old, "correct horse")).needs_rehash


async def test_a_broken_hash_matches_nothing():
    assert not (await Passwords(SETTINGS).verify("not a hash", "anything")).is_right
