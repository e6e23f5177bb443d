"""The fallback chain: who takes over, when, and what the reader is told."""

from uuid import uuid4

import pytest

from footnote.models import FallbackGenerator, GenerationDelta, GenerationRequest, Usage
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable
from tests.support.clock import ManualClock

REQUEST = GenerationRequest(OrganizationContext(uuid4()), "When?", (), timeout_s=20.0)
DOWN = ModelUnavailable("down")


class Model:
    """Says `script`, item by item: a text, an error to raise, or seconds that pass."""

    def __init__(self, name, *script, clock=None):
        self.name = name
        self.script = script
        self.clock = clock
        self.asked = []
        self.closed = False

    async def stream(self, request):
        self.asked.append(request)
        try:
            for item in self.script:
                if isinstance(item, float):
                    self.clock.advance(item)
                elif isinstance(item, Exception):
                    raise item
                else:
                    yield item if isinstance(item, GenerationDelta) else GenerationDelta(item)
        finally:
            self.closed = True


def end(**more):
    return GenerationDelta(finished=True, usage=Usage(5, 6), **more)


async def collect(*models, clock=None):
    return [delta async for delta in FallbackGenerator(models, clock).stream(REQUEST)]


async def test_the_first_answers_and_nobody_else_is_asked():
    first, second = Model("first", "In ", "1887.", end()), Model("second", end())
    deltas = await collect(first, second)
    assert [delta.text for delta in deltas] == ["In ", "1887.", ""]
    assert not any(delta.restart for delta in deltas)
    assert (deltas[-1].model, deltas[-1].usage) == ("first", Usage(5, 6))
    assert second.asked == []


async def test_a_failure_before_any_text_is_not_seen():
    deltas = await collect(Model("a", DOWN), Model("b", GenerationDelta(), DOWN), Model("c", "Yes.", end()))
    assert [delta.text for delta in deltas if delta.text] == ["Yes."]
    assert not any(delta.restart for delta in deltas)
    assert deltas[-1].model == "c"


async def test_a_failure_after_text_starts_the_answer_anew():
    deltas = await collect(Model("a", "It was ", DOWN), Model("b", "In ", "1887.", end()))
    assert [(delta.text, delta.restart) for delta in deltas] == [
        ("It was ", False), ("In ", True), ("1887.", False), ("", False),
    ]  # fmt: skip
    assert deltas[-1].model == "b"


async def test_the_restart_outlives_a_generator_that_says_nothing():
    deltas = await collect(Model("a", "It was ", DOWN), Model("b", DOWN), Model("c", "Yes.", end()))
    assert [(delta.text, delta.restart) for delta in deltas] == [
        ("It was ", False),
        ("Yes.", True),
        ("", False),
    ]


async def test_a_stream_that_stops_without_its_end_is_a_failure():
    deltas = await collect(Model("a", "It was "), Model("b", end(text="Yes.")))
    assert [(delta.text, delta.restart, delta.finished) for delta in deltas] == [
        ("It was ", False, False), ("Yes.", True, True),
    ]  # fmt: skip


async def test_when_all_fail_the_reader_is_told():
    deltas = []

    async def read():
        async for delta in FallbackGenerator([Model("a", "It was ", DOWN), Model("b", DOWN)]).stream(REQUEST):
            deltas.append(delta)

    with pytest.raises(ModelUnavailable):
        await read()
    assert [delta.text for delta in deltas] == ["It was "]


async def test_a_defect_is_not_hidden_by_the_next_model():
    second = Model("b", end())
    with pytest.raises(KeyError):
        await collect(Model("a", KeyError("defect")), second)
    assert second.asked == []


async def test_the_next_one_gets_what_is_left_of_the_time():
    clock = ManualClock()
    second = Model("b", end(text="Yes."), clock=clock)
    await collect(Model("a", 8.0, DOWN, clock=clock), second, clock=clock)
    assert second.asked[0].timeout_s == 12.0
    third = Model("c", end(text="Yes."), clock=clock)
    await collect(Model("a", 30.0, DOWN, clock=clock), third, clock=clock)
    assert third.asked[0].timeout_s == 0.0


async def test_leaving_closes_the_model():
    model = Model("a", "In ", "1887.", end())
    stream = FallbackGenerator([model]).stream(REQUEST)
    assert (await anext(stream)).text == "In "
    await stream.aclose()
    assert model.closed


async def test_a_model_that_names_itself_keeps_its_name():
    deltas = await collect(FallbackGenerator([Model("inner", DOWN), Model("real", end(text="Yes."))]))
    assert deltas[-1].model == "real"


def test_the_chain_is_called_by_its_first_model():
    assert FallbackGenerator([Model("a"), Model("b")]).name == "a"
    with pytest.raises(ValueError, match="at least one"):
        FallbackGenerator([])
