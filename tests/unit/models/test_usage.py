"""Use of models is gathered by request, whatever tasks and generators it runs through."""

import asyncio
from contextlib import aclosing

import pytest

from footnote.models import ModelUsage, collected, collecting_usage, report_usage


def test_units_are_added_by_kind_and_model():
    with collecting_usage() as usage:
        report_usage("input_tokens", "a", 3)
        report_usage("input_tokens", "a", 4)
        report_usage("input_tokens", "b", 1)
        report_usage("rerank_calls", "r", 0)
    report_usage("input_tokens", "a", 100)  # of no request
    assert usage.units() == {("input_tokens", "a"): 7, ("input_tokens", "b"): 1}
    assert (usage.total("input_tokens"), usage.total("rerank_calls")) == (8, 0)


async def test_tasks_of_a_request_report_to_it_and_to_no_other():
    async def work(name, units):
        await asyncio.sleep(0)
        report_usage("input_tokens", name, units)

    async def request(name):
        with collecting_usage() as usage:
            await asyncio.gather(*(work(name, units) for units in (1, 2, 3)))
        return usage.units()

    found = await asyncio.gather(*(request(name) for name in "abc"))
    assert found == [{("input_tokens", name): 6} for name in "abc"]


def steps():
    async def generator():
        try:
            for number in range(3):
                report_usage("output_tokens", "m", 1)
                yield number
        finally:
            report_usage("input_tokens", "m", 10)

    return generator()


async def test_a_generator_reports_whichever_task_goes_on_with_it():
    usage = ModelUsage()
    given = collected(steps(), usage)
    assert await anext(given) == 0
    report_usage("output_tokens", "m", 100)  # between two steps: not the generator's
    rest = await asyncio.create_task(_rest(given))
    assert rest == [1, 2]
    assert usage.units() == {("input_tokens", "m"): 10, ("output_tokens", "m"): 3}


async def test_a_generator_that_is_left_reports_its_end():
    usage = ModelUsage()
    async with aclosing(collected(steps(), usage)) as given:
        async for _ in given:
            break
    assert usage.units() == {("input_tokens", "m"): 10, ("output_tokens", "m"): 1}


async def test_a_generator_that_fails_fails():
    async def failing():
        report_usage("output_tokens", "m", 1)
        yield 1
        raise RuntimeError("broken")

    usage = ModelUsage()
    with pytest.raises(RuntimeError, match="broken"):
        await _rest(collected(failing(), usage))
    assert usage.total("output_tokens") == 1


async def _rest(given):
    return [item async for item in given]
