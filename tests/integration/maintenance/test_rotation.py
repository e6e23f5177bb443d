"""Secrets rotate in Secrets Manager's steps: on its API as moto has it, and on a real PostgreSQL."""

import json
import uuid

import boto3
import psycopg
import pytest
from moto import mock_aws

from footnote.identity.key_rotation import new_signing_secret, rotate_signing_secret, with_verification_key
from footnote.identity.keys import parse_signing_keys, parse_verification_keys
from footnote.platform.settings import PostgresSettings
from footnote.stores.secrets.aws import make_first_keys
from footnote.stores.secrets.rotation import Rotation, UnknownSecret
from footnote.stores.secrets.strategies import RolePassword, SigningKey

SIGNING, VERIFICATION = "staging/footnote/identity/signing", "staging/footnote/identity/verification"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def current(secrets, name):
    return secrets.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]


def rotate(rotation, secret, steps=STEPS, token=None):
    token = token or str(uuid.uuid4())
    for step in steps:
        rotation.step(step, secret, token)
    return token


@pytest.fixture
def role(secrets, migrated_database):
    name = "staging/footnote/postgres/footnote_app"
    content = {"username": "footnote_app", "password": migrated_database.passwords["footnote_app"]}
    secrets.create_secret(Name=name, SecretString=json.dumps(content))
    yield name
    # Roles belong to the cluster, which other tests use.
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        password = migrated_database.passwords["footnote_app"]
        connection.execute(psycopg.sql.SQL("ALTER ROLE footnote_app PASSWORD {}").format(password))


@pytest.fixture
def rotation(secrets, migrated_database):
    settings = PostgresSettings(
        host=migrated_database.host, port=migrated_database.port, database=migrated_database.name
    )
    strategies = {
        "footnote/postgres/footnote_app": RolePassword(settings),
        "footnote/identity/signing": SigningKey(secrets, VERIFICATION),
    }
    return Rotation(secrets, strategies)


def signs_in(database, password):
    try:
        with psycopg.connect(
            host=database.host,
            port=database.port,
            dbname=database.name,
            user="footnote_app",
            password=password,
        ):
            return True
    except psycopg.OperationalError:
        return False


def test_a_role_has_the_new_password_when_the_rotation_ends(secrets, rotation, role, migrated_database):
    before = json.loads(current(secrets, role))["password"]
    rotate(rotation, role)
    after = json.loads(current(secrets, role))
    assert after["username"] == "footnote_app"
    assert after["password"] != before
    assert signs_in(migrated_database, after["password"])
    assert not signs_in(migrated_database, before)


@pytest.mark.parametrize("repeated", STEPS)
def test_any_step_may_run_twice(secrets, rotation, role, migrated_database, repeated):
    steps = [step for step in STEPS for _ in range(2 if step == repeated else 1)]
    rotate(rotation, role, steps)
    assert signs_in(migrated_database, json.loads(current(secrets, role))["password"])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_rotation_that_stops_leaves_a_value_that_works_or_is_finished_later(
    secrets, rotation, role, migrated_database, number
):
    token = rotate(rotation, role, STEPS[:number])
    rotate(rotation, role, STEPS, token)
    assert signs_in(migrated_database, json.loads(current(secrets, role))["password"])


def test_the_announced_key_signs_after_the_next_rotation(secrets, rotation):
    secrets.create_secret(Name=SIGNING, SecretString="empty")
    secrets.create_secret(Name=VERIFICATION, SecretString="empty")
    assert make_first_keys(secrets, SIGNING, VERIFICATION)
    assert not make_first_keys(secrets, SIGNING, VERIFICATION)
    seen = []
    for _ in range(5):
        signing = json.loads(current(secrets, SIGNING))
        verification = parse_verification_keys(current(secrets, VERIFICATION))
        parse_signing_keys(current(secrets, SIGNING))
        # Who signs now and who will sign next are known to everybody who verifies; so is who signed before.
        assert {signing["kid"], signing["next"]["kid"]} <= verification.keys()
        assert not seen or seen[-1] in verification
        assert len(verification) <= 4
        seen.append(signing["kid"])
        announced = signing["next"]["kid"]
        rotate(rotation, SIGNING)
        assert json.loads(current(secrets, SIGNING))["kid"] == announced
        assert json.loads(current(secrets, SIGNING))["session_key_base64"] == signing["session_key_base64"]
    assert len(set(seen)) == 5


def test_a_secret_from_before_keys_were_announced_goes_on_signing_once_more():
    old = json.loads(new_signing_secret())
    old.pop("next")
    rotated = json.loads(rotate_signing_secret(json.dumps(old)))
    assert rotated["kid"] == old["kid"]
    assert rotated["next"]["kid"] != old["kid"]
    known = with_verification_key('{"keys": []}', json.dumps(old), json.dumps(rotated))
    assert parse_verification_keys(known).keys() == {old["kid"], rotated["next"]["kid"]}


def test_other_secrets_and_steps_are_refused(secrets, rotation, role):
    secrets.create_secret(Name="staging/footnote/stripe", SecretString="sk")
    with pytest.raises(UnknownSecret, match="footnote/stripe"):
        rotation.step("createSecret", "staging/footnote/stripe", str(uuid.uuid4()))
    with pytest.raises(ValueError, match="no step"):
        rotation.step("deleteSecret", role, str(uuid.uuid4()))
