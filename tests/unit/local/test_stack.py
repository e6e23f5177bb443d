"""What functions are told: only what their manifests grant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from footnote.platform.manifest import FunctionManifest, load_manifests
from footnote.platform.settings import Settings
from local.paths import REPOSITORY, DataPaths
from local.stack import Ports, StackConfig, function_credentials, function_environment, readable_secrets


def config(reranker: Path | None = None, **operator: str) -> StackConfig:
    ports = Ports(api=1, edge=2, extension=3, moto=4, postgres=5, redis=6, models=7, reranker=8)
    return StackConfig(
        DataPaths(Path("/data")), ports, Path("/cache"), "key", {}, operator=operator, reranker=reranker
    )


def manifest(**parts: Any) -> FunctionManifest:
    routes = [{"method": "GET", "path": "/things"}]
    return FunctionManifest.model_validate(
        {"name": "things", "kind": "api", "description": "-", "handler": "h", "layers": [], "routes": routes}
        | parts
    )


def test_a_function_without_grants_learns_of_no_store() -> None:
    environment = function_environment(config(), manifest())
    assert not [key for key in environment if key.startswith(("APP_POSTGRES", "APP_REDIS", "APP_STORAGE"))]
    assert readable_secrets(manifest()) == frozenset()


def test_grants_name_servers_and_imply_their_secrets() -> None:
    granted = manifest(grants={"postgres": "footnote_jobs", "redis": True, "bucket": ["read"]})
    environment = function_environment(config(), granted)
    assert environment["APP_POSTGRES__USER"] == "footnote_jobs"
    assert environment["APP_POSTGRES__PORT"] == "5"
    assert environment["APP_REDIS__PORT"] == "6"
    assert environment["APP_STORAGE__ENDPOINT_URL"] == "http://127.0.0.1:2"
    named = {environment["APP_POSTGRES__PASSWORD_SECRET"], environment["APP_REDIS__PASSWORD_SECRET"]}
    assert readable_secrets(granted) == named


def test_who_sends_learns_where_to() -> None:
    sender, mailer = manifest(grants={"queues": ["events"]}), manifest(grants={"mail": True})
    for granted in (sender, mailer):
        environment = function_environment(config(), granted)
        assert environment["APP_EVENTS__ENDPOINT_URL"] == "http://127.0.0.1:2"
    assert function_environment(config(), mailer)["APP_EVENTS__MAIL_FROM"]
    assert "APP_EVENTS__MAIL_FROM" not in function_environment(config(), sender)
    assert not [key for key in function_environment(config(), manifest()) if key.startswith("APP_EVENTS")]


def test_only_who_generates_learns_of_the_model_server() -> None:
    operator = {
        "APP_GENERATION__BASE_URL": "http://models.example",
        "FOOTNOTE_GENERATION_API_KEY": "hidden",
        "APP_RETRIEVAL__CANDIDATES": "50",
        "APP_POSTGRES__HOST": "elsewhere",
        "HOME": "/home/operator",
    }
    chat = manifest(grants={"endpoints": ["generation"]})
    told, untold = (function_environment(config(**operator), one) for one in (chat, manifest()))
    assert told["APP_GENERATION__BASE_URL"] == "http://models.example"
    assert told["APP_GENERATION__API_KEY_SECRET"] in readable_secrets(chat)
    assert not [key for key in untold if key.startswith("APP_GENERATION")]
    assert told["APP_RETRIEVAL__CANDIDATES"] == untold["APP_RETRIEVAL__CANDIDATES"] == "50"
    for environment in (told, untold):
        assert "hidden" not in environment.values()
        assert environment.get("APP_POSTGRES__HOST") != "elsewhere"
        assert "HOME" not in environment


def test_only_a_stack_with_a_cross_encoder_tells_of_its_endpoint() -> None:
    operator = {"APP_RERANKING__TIMEOUT_S": "3", "APP_RERANKING__ENDPOINT_NAME": "elsewhere"}
    granted = manifest(grants={"endpoints": ["reranking"]})

    def told(one: FunctionManifest, reranker: Path | None) -> dict[str, str]:
        environment = function_environment(config(reranker, **operator), one)
        return {key: value for key, value in environment.items() if key.startswith("APP_RERANKING")}

    assert told(granted, None) == told(manifest(), Path("/model")) == {}
    assert told(granted, Path("/model")) == {
        "APP_RERANKING__TIMEOUT_S": "3",
        "APP_RERANKING__ENDPOINT_NAME": "footnote-reranking",
        "APP_RERANKING__RUNTIME_URL": "http://127.0.0.1:2",
    }


def test_credentials_last_and_differ_between_functions() -> None:
    first, again, other = (function_credentials(config(), name) for name in ("a", "a", "b"))
    assert first == again
    assert len({first.access_key_id, other.access_key_id, first.secret_access_key, first.session_token}) == 4
    assert other.secret_access_key != first.secret_access_key


@pytest.mark.parametrize("one", load_manifests(REPOSITORY / "functions"), ids=lambda one: one.name)
def test_settings_accept_what_each_function_is_told(
    one: FunctionManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in function_environment(config(Path("/model")), one).items():
        if key.startswith("APP_"):
            monkeypatch.setenv(key, value)
    settings = Settings()
    if one.grants.postgres:
        assert settings.postgres.user == one.grants.postgres
        assert settings.postgres.port == 5
