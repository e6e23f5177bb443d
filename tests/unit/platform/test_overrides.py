"""Settings of an organization laid over the deployment's own."""

import pytest

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest
from footnote.platform.ids import new_id
from footnote.platform.overrides import TUNABLE, LiveOverrides, digest, merged
from footnote.platform.settings import Settings
from tests.support.clock import ManualClock

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


class Store:
    def __init__(self):
        self.asked = 0

    async def active(self, context):
        self.asked += 1
        return {"chat.passages": self.asked}


async def test_what_is_live_is_asked_for_now_and_then():
    clock, store = ManualClock(), Store()
    live = LiveOverrides(store, clock, keep_s=10.0, most=2)
    organization, *others = (OrganizationContext(new_id()) for _ in range(3))
    assert await live.of(organization) == await live.of(organization) == {"chat.passages": 1}
    clock.advance(11)
    assert await live.of(organization) == {"chat.passages": 2}
    for other in others:
        await live.of(other)
    assert await live.of(organization) == {"chat.passages": 5}  # forgotten: two are remembered at most
