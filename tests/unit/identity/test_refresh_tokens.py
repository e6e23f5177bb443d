"""The form and derivation of refresh tokens."""

import os
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from footnote.identity.refresh_tokens import (
    derive_token,
    is_genuine,
    new_family_key,
    open_key,
    parse_token,
    seal_key,
)

KEY = new_family_key()


def test_a_token_can_be_read_back_and_derived_again():
    family = uuid4()
    text = derive_token(KEY, family, 7)
    token = parse_token(text)
    assert text.startswith("rt1.")
    assert len(text) == 56
    assert "=" not in text
    assert (token.family_id, token.generation) == (family, 7)
    assert is_genuine(KEY, token)
    assert derive_token(KEY, family, 7) == text


def test_tokens_differ_by_family_generation_and_key():
    one, other = uuid4(), uuid4()
    tokens = {
        derive_token(key, family, generation)
        for key in (KEY, new_family_key())
        for family in (one, other)
        for generation in (0, 1, 2**32 - 1)
    }
    assert len(tokens) == 12


def test_a_token_of_another_key_is_not_genuine():
    assert not is_genuine(new_family_key(), parse_token(derive_token(KEY, uuid4(), 0)))


@given(st.integers(min_value=0, max_value=51), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_changed_character_is_noticed(position, character):
    text = derive_token(KEY, uuid4(), 0)
    index = len("rt1.") + position
    changed = text[:index] + character + text[index + 1 :]
    token = parse_token(changed)
    assert changed == text or token is None or not is_genuine(KEY, token)


@given(st.text(max_size=100))
def test_other_texts_are_no_tokens(text):
    assert parse_token(text) is None
    assert parse_token("rt1." + text) is None


def test_a_sealed_key_opens_only_with_its_session_key_and_family():
    session_key, family = os.urandom(32), uuid4()
    sealed = seal_key(session_key, family, KEY)
    assert KEY not in sealed
    assert open_key(session_key, family, sealed) == KEY
    assert open_key(os.urandom(32), family, sealed) is None
    assert open_key(session_key, uuid4(), sealed) is None
    assert open_key(session_key, family, sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert open_key(session_key, family, b"\x02" + sealed[1:]) is None
    assert seal_key(session_key, family, KEY) != sealed
