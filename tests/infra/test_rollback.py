"""A rollback moves aliases to the version before, on Lambda's API as moto has it."""

import io
import json
import zipfile

import boto3
import pytest
from moto import mock_aws

from infra.cdk.rollback import current_and_previous, main

ROLE = "arn:aws:iam::123456789012:role/footnote"


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        iam = boto3.client("iam", region_name="us-east-1")
        iam.create_role(RoleName="footnote", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"}))
        yield boto3.client("lambda", region_name="us-east-1")


def package(text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", text)
    return buffer.getvalue()


def deploy(client, name, versions):
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE,
        Handler="handler.handler",
        Code={"ZipFile": package("0")},
    )
    for number in range(versions):
        client.update_function_code(FunctionName=name, ZipFile=package(f"version {number}"))
        newest = client.publish_version(FunctionName=name)["Version"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=newest)


def test_the_alias_calls_the_version_before(client, capsys):
    deploy(client, "footnote-staging-chat", 3)
    deploy(client, "footnote-staging-search", 2)
    arguments = ["--stage", "staging", "--function", "chat", "--function", "search"]
    assert main([*arguments, "--dry-run"], client) == 0
    assert current_and_previous(client, "footnote-staging-chat") == ("3", "2")
    assert main(arguments, client) == 0
    assert client.get_alias(FunctionName="footnote-staging-chat", Name="live")["FunctionVersion"] == "2"
    assert client.get_alias(FunctionName="footnote-staging-search", Name="live")["FunctionVersion"] == "1"
    assert "chat: 3 -> 2" in capsys.readouterr().out


def test_what_has_no_version_before_is_told(client, capsys):
    deploy(client, "footnote-staging-chat", 1)
    assert main(["--stage", "staging", "--function", "chat"], client) == 1
    assert "the only one" in capsys.readouterr().out
