"""Candidate configurations."""

import pytest

from footnote.evaluation.configuration import TUNABLE, digest, merged
from footnote.platform.errors import InvalidRequest
from footnote.platform.settings import Settings

SETTINGS = Settings(environment="test")


def test_every_tunable_setting_exists_and_its_default_is_in_range():
    for name, limits in TUNABLE.items():
        section, key = name.split(".")
        value = getattr(getattr(SETTINGS, section), key)
        if value is not None and limits is not None:
            assert limits.low <= value <= limits.high, name


def test_overrides_are_laid_over_and_leave_the_rest():
    other = merged(SETTINGS, {"retrieval.candidates": 50, "chat.passages": 4, "chat.abstain_below": None})
    assert (other.retrieval.candidates, other.chat.passages) == (50, 4)
    assert other.chat.context_tokens == SETTINGS.chat.context_tokens
    assert SETTINGS.retrieval.candidates != 50
    assert merged(SETTINGS, {}) == SETTINGS


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"postgres.host": "elsewhere"}, "'postgres.host' cannot be tried"),
        ({"generation.base_url": "http://169.254.169.254"}, "cannot be tried"),
        ({"retrieval.candidates": 1_000_000}, "between 10 and 500"),
        ({"retrieval.candidates": "many"}, "'retrieval.candidates'"),
        ({"retrieval.fusion": "magic"}, "'retrieval.fusion'"),
        ({"retrieval.nothing": 1}, "cannot be tried"),
        ({"chat.passages": 2.5}, "'chat.passages'"),
    ],
)
def test_what_cannot_be_tried_is_named(overrides, named):
    with pytest.raises(InvalidRequest, match=named):
        merged(SETTINGS, overrides)


def test_a_text_cannot_slip_past_the_range():
    with pytest.raises(InvalidRequest, match="between"):
        merged(SETTINGS, {"retrieval.candidates": "1000000"})


def test_the_digest_tells_configurations_apart():
    assert digest(SETTINGS) == digest(merged(SETTINGS, {}))
    assert digest(SETTINGS) != digest(merged(SETTINGS, {"retrieval.candidates": 50}))
    generation = SETTINGS.generation.model_copy(update={"model": "other"})
    assert digest(SETTINGS) != digest(SETTINGS.model_copy(update={"generation": generation}))
    postgres = SETTINGS.postgres.model_copy(update={"host": "elsewhere"})
    assert digest(SETTINGS) == digest(SETTINGS.model_copy(update={"postgres": postgres}))
