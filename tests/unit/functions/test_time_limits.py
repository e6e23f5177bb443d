"""Holds outlive the functions that make them (reliability.md, a)."""

import tomllib
from pathlib import Path

import pytest

from footnote.evaluation.charging import bounds
from footnote.evaluation.evaluations import golden_question
from footnote.platform.ids import new_id
from footnote.platform.settings import Settings
from footnote.quota import Meter
from tests.support.metering import PRICES

FUNCTIONS = Path(__file__).resolve().parents[3] / "functions"
GRACE_S = 30


@pytest.fixture
def settings():
    return Settings(environment="test")


def test_a_hold_of_a_document_outlives_the_function_that_reads_it(settings):
    manifest = tomllib.loads((FUNCTIONS / "ingestion" / "function.toml").read_text())
    assert settings.ingestion.hold_s >= manifest["timeout_s"] + GRACE_S


def test_a_hold_of_a_question_outlives_the_question(settings):
    assert settings.evaluation.hold_s >= settings.evaluation.question_s + GRACE_S
    assert settings.chat.deadline_s < settings.evaluation.question_s


def test_a_question_is_bounded_by_the_windows_of_its_models(settings):
    question = golden_question(new_id(), "Who?", (("user", "A"), ("assistant", "B")))
    # Without a model sentences of documents answer: nothing is reserved of what only models use.
    assert set(bounds(settings, question).units(PRICES)) == {
        Meter.EMBEDDING_TOKENS,
        Meter.INPUT_TOKENS,
        Meter.OUTPUT_TOKENS,
        Meter.COST,
    }
    generation = settings.generation.model_copy(
        update={"base_url": "http://127.0.0.1:9", "self_hosted": True}
    )
    reranking = settings.reranking.model_copy(update={"endpoint_name": "reranker"})
    every = settings.model_copy(update={"generation": generation, "reranking": reranking})
    units = bounds(every, question).units(PRICES)
    assert set(units) == {
        Meter.EMBEDDING_TOKENS,
        Meter.RERANK_CALLS,
        Meter.INPUT_TOKENS,
        Meter.CACHED_TOKENS,
        Meter.OUTPUT_TOKENS,
        Meter.COMPUTE_MS,
        Meter.COST,
    }
    # One answer, a follow-up worded anew for the search and for the answer, and the answer without a model.
    assert units[Meter.INPUT_TOKENS] == (3 + 1) * settings.generation.context_tokens
