"""Which models the settings put together."""

import pytest

from footnote.composition import Container
from footnote.models import FallbackGenerator
from footnote.models.providers.openai import OpenAIGenerator
from footnote.models.providers.sagemaker import SageMakerReranker
from footnote.platform.settings import GenerationSettings, RerankingSettings, Settings


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.setenv("APP_ENVIRONMENT", "test")


def test_without_a_server_answers_are_extractive():
    container = Container(Settings())
    assert container.language_model is None
    assert container.generators.grounded is container.extractive
    assert container.generators.free.name == "none"


def test_a_server_answers_first_and_the_extractive_answerer_stands_behind_it():
    container = Container(
        Settings(generation=GenerationSettings(base_url="http://127.0.0.1:1/v1", model="qwen3"))
    )
    generators = container.generators
    assert isinstance(generators.grounded, FallbackGenerator)
    assert generators.grounded.name == "qwen3"
    assert isinstance(generators.free, OpenAIGenerator)
    assert generators.extractive is container.extractive


def test_without_an_endpoint_there_is_no_reranker():
    assert Container(Settings()).reranker is None


def test_an_endpoint_is_invoked_in_the_functions_region(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    reranker = Container(Settings(reranking=RerankingSettings(endpoint_name="our-reranker"))).reranker
    assert isinstance(reranker, SageMakerReranker)
    assert reranker.name == "our-reranker"
    url = reranker._endpoint._exchange.url
    assert url == "https://runtime.sagemaker.eu-central-1.amazonaws.com/endpoints/our-reranker/invocations"
