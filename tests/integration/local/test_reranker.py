"""A cross-encoder beside the stack: its container as `footnote up --reranker` starts it, behind the edge."""

import asyncio
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from footnote.models.providers.sagemaker import SageMakerReranker
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RerankingSettings
from local.engines import EngineError
from local.layers import LayerStore
from local.models import reranker_engine
from local.paths import REPOSITORY
from local.stack import REGION, RERANKING_ENDPOINT, function_credentials
from tests.integration.local.test_edge_objects import call, client, refused
from tests.support.cross_encoder import build_cross_encoder
from tests.support.stack import fixture_manifests, running_gateway, stack_config

REFERENCE = Path(__file__).resolve().parents[2] / "fixtures" / "reranking" / "reference.json"


@pytest.fixture
def reranking_config(data_root, moto):
    """A stack with a cross-encoder in a folder of the operator's."""
    model = build_cross_encoder(data_root / "models" / "tiny")
    operator = {"RERANKING_MODEL_NAME": "our/reranker", "RERANKING_WORKERS": "1", "HOME": "/root"}
    return replace(stack_config(data_root, moto_port=moto.port), reranker=model, operator=operator)


@pytest.fixture
def engine(reranking_config):
    config = replace(reranking_config, repository=REPOSITORY)
    engine = reranker_engine(config, LayerStore(config.cache))
    engine.prepare()
    engine.start()
    engine.process.wait_until(engine.ready, engine.start_timeout_s)
    yield engine
    engine.stop()


@pytest.fixture
async def stack(reranking_config):
    async with running_gateway(reranking_config, [fixture_manifests()["echo"]]) as running:
        yield running


@pytest.fixture
def reranker(stack, monkeypatch):
    """The product's client, signing as the operator."""
    operator = function_credentials(stack.config, "operator")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", operator.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", operator.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", operator.session_token)
    url = stack.config.edge_url
    settings = RerankingSettings(endpoint_name=RERANKING_ENDPOINT, runtime_url=url, timeout_s=20)
    return SageMakerReranker(settings, REGION)


async def test_it_scores_through_the_edge(engine, reranker):
    cases = json.loads(REFERENCE.read_text())["cases"][:7]
    scores = await reranker.score(cases[0]["query"], [case["passage"] for case in cases])
    expected = [1 / (1 + math.exp(-case["logit"])) for case in cases]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert reranker.name == "our/reranker"
    await asyncio.to_thread(engine.stop)
    with pytest.raises(ModelUnavailable):
        await reranker.score("why", ["because"])


def invocation():
    body = b'{"query": "why", "passages": ["because"]}'
    return {"EndpointName": RERANKING_ENDPOINT, "ContentType": "application/json", "Body": body}


async def test_amazons_own_client_is_answered_and_functions_need_a_grant(engine, stack):
    operator = client(stack, "sagemaker-runtime")
    answer = json.loads((await call(operator.invoke_endpoint, **invocation()))["Body"].read())
    assert (answer["model"], len(answer["scores"])) == ("our/reranker", 1)
    stranger = client(stack, "sagemaker-runtime", "echo")
    assert await refused(stranger.invoke_endpoint, **invocation()) == "AccessDeniedException"
    wrong = invocation() | {"Body": b'{"query": "why", "passages": []}'}
    assert await refused(operator.invoke_endpoint, **wrong) == "ModelError"


async def test_a_folder_without_a_model_says_what_is_missing(reranking_config):
    (reranking_config.reranker / "tokenizer.json").unlink()
    config = replace(reranking_config, repository=REPOSITORY)
    engine = reranker_engine(config, LayerStore(config.cache))
    engine.prepare()
    engine.start()
    try:
        with pytest.raises(EngineError, match=r"no tokenizer\.json in .*tiny; it belongs to the model"):
            engine.process.wait_until(engine.ready, engine.start_timeout_s)
    finally:
        engine.stop()


def test_without_a_cross_encoder_nothing_is_started(config):
    assert reranker_engine(config, LayerStore(config.cache)) is None


async def test_without_a_cross_encoder_there_is_no_endpoint(data_root, moto):
    config = stack_config(data_root, moto_port=moto.port)
    async with running_gateway(config, [fixture_manifests()["echo"]]) as running:
        operator = client(running, "sagemaker-runtime")
        assert await refused(operator.invoke_endpoint, **invocation()) == "ValidationError"
