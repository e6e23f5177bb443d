"""Secrets are made once, kept private, and fit what reads them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from local.secrets import SIGNING_SECRET, VERIFICATION_SECRET, load_or_create
from local.stack import WEBHOOKS_SECRET


def test_secrets_are_kept_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = load_or_create(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_or_create(file) == first
    assert load_or_create(tmp_path / "other.json").redis != first.redis


def test_the_verification_key_belongs_to_the_signing_key(tmp_path: Path) -> None:
    values = load_or_create(tmp_path / "secrets.json").for_secrets_manager()
    signing, verification = json.loads(values[SIGNING_SECRET]), json.loads(values[VERIFICATION_SECRET])
    key = verification["keys"][0]
    assert key["kid"] == signing["kid"]
    signature = load_pem_private_key(signing["private_key_pem"].encode(), None).sign(b"token")
    load_pem_public_key(key["public_key_pem"].encode()).verify(signature, b"token")
    assert len(base64.b64decode(signing["session_key_base64"])) == 32


def test_the_database_owner_is_not_for_functions(tmp_path: Path) -> None:
    known = load_or_create(tmp_path / "secrets.json")
    values = known.for_secrets_manager()
    assert known.roles["footnote_app"] in values.values()
    assert known.roles["footnote_owner"] not in values.values()
    assert known.superuser not in values.values()


def test_a_damaged_file_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text('{"superuser": "x"}')
    with pytest.raises(ValueError, match="damaged"):
        load_or_create(file)
    assert file.read_text() == '{"superuser": "x"}'


def test_a_role_of_a_newer_version_gets_its_password(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    known = load_or_create(file)
    older = json.loads(file.read_text())
    del older["roles"]["footnote_indexer"]
    file.write_text(json.dumps(older))
    completed = load_or_create(file)
    assert completed.roles.keys() == known.roles.keys()
    assert {**completed.roles, "footnote_indexer": known.roles["footnote_indexer"]} == known.roles
    assert load_or_create(file) == completed


def test_a_stack_of_an_older_version_gets_the_secret_of_webhooks(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    known = load_or_create(file)
    older = json.loads(file.read_text())
    del older["webhooks"]
    file.write_text(json.dumps(older))
    completed = load_or_create(file)
    assert replace(completed, webhooks=known.webhooks) == known
    assert len(completed.webhooks) == 64
    assert load_or_create(file) == completed
    assert completed.for_secrets_manager()[WEBHOOKS_SECRET] == completed.webhooks
