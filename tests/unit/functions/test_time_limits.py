"""Holds outlive the functions that make them (reliability.md, a)."""

import tomllib
from pathlib import Path

import pytest

from footnote.evaluation.charging import bounds
from footnote.evaluation.evaluations import golden_question
from footnote.platform.ids import new_id
from footnote.platform.settings import Settings
from footnote.quota import Meter

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


def test_what_bounds_a_question_names_every_meter_of_models(settings):
    question = golden_question(new_id(), "Who?", (("user", "A"), ("assistant", "B")))
    bound = bounds(settings, question)
    assert set(bound) == {
        Meter.EMBEDDING_TOKENS,
        Meter.RERANK_CALLS,
        Meter.INPUT_TOKENS,
        Meter.CACHED_TOKENS,
        Meter.OUTPUT_TOKENS,
        Meter.COMPUTE_MS,
    }
    with_model = settings.model_copy(
        update={"generation": settings.generation.model_copy(update={"base_url": "http://127.0.0.1:9"})}
    )
    # One answer, and a follow-up worded anew for the search and for the answer.
    assert bounds(with_model, question)[Meter.INPUT_TOKENS] == 3 * settings.generation.context_tokens
