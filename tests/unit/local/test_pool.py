"""When environments are started, reused, shared out and ended."""

import asyncio
import time

import pytest

from local.runtime.capacity import Capacity
from local.runtime.environment import InitializationFailed
from local.runtime.invocation import InvocationResult, RequestTooLarge, RuntimeStopped, failure
from local.runtime.pool import FunctionPool


class Workshop:
    """Makes environments whose starts and invocations the test holds in its hands."""

    def __init__(self, start_s=0.0):
        self.start_s = start_s
        self.made = []
        self.starting = 0
        self.most_starting = 0
        self.failures = 0

    def create(self, ready, gone):
        environment = Environment(self, ready, gone)
        self.made.append(environment)
        return environment

    @property
    def live(self):
        return [environment for environment in self.made if environment.alive]


class Environment:
    def __init__(self, workshop, ready, gone):
        self.workshop, self.ready, self.gone = workshop, ready, gone
        self.alive = self.free = False
        self.pid = id(self)
        self.last_used = 0.0
        self.invocations = 0

    @property
    def usable(self):
        return self.alive and self.free

    async def start(self):
        shop = self.workshop
        shop.starting += 1
        shop.most_starting = max(shop.most_starting, shop.starting)
        await asyncio.sleep(shop.start_s)
        shop.starting -= 1
        if shop.failures:
            shop.failures -= 1
            self.gone(self)
            raise InitializationFailed(failure("Init", "no"))
        self.alive = self.free = True

    async def invoke(self, event, request_id, trace_id):
        self.free = False
        self.invocations += 1
        await asyncio.sleep(float(event))
        self.free = True
        self.last_used = time.monotonic()
        asyncio.get_running_loop().call_soon(self.ready, self)
        return InvocationResult(str(self.workshop.made.index(self)).encode())

    async def close(self):
        if self.alive:
            self.alive = False
            self.gone(self)


@pytest.fixture
def workshop():
    return Workshop()


def pool(workshop, limit=4, capacity=None, name="f"):
    return FunctionPool(name, limit, capacity or Capacity(), workshop.create)


async def who(pool, seconds=0.0):
    return int((await pool.invoke(str(seconds).encode())).payload)


async def test_the_environment_used_last_is_used_next(workshop):
    functions = pool(workshop)
    assert sorted(await asyncio.gather(who(functions, 0.2), who(functions, 0.25))) == [0, 1]
    await asyncio.sleep(0.01)
    for _ in range(3):
        assert await who(functions) == 1
        await asyncio.sleep(0.01)


async def test_a_start_is_given_up_when_another_environment_came_free(workshop):
    workshop.start_s = 0.05
    functions = pool(workshop, capacity=Capacity(starts=1))
    await asyncio.gather(*(who(functions, 0.12) for _ in range(2)))
    await asyncio.sleep(0.1)
    assert len(workshop.made) <= 2
    await asyncio.gather(*(who(functions, 0.01) for _ in range(8)))
    assert len(workshop.made) <= 2


async def test_at_most_two_start_at_once(workshop):
    workshop.start_s = 0.05
    capacity = Capacity()
    pools = [pool(workshop, capacity=capacity) for _ in range(6)]
    await asyncio.gather(*(who(each) for each in pools))
    assert workshop.most_starting == 2


async def test_a_full_house_evicts_what_was_idle_longest(workshop):
    capacity = Capacity(environments=2)
    first, second, third = (pool(workshop, capacity=capacity) for _ in range(3))
    await who(first)
    await who(second)
    await who(first)
    await asyncio.sleep(0.01)
    assert await who(third) == 2
    assert [environment.alive for environment in workshop.made] == [True, False, True]


async def test_a_full_and_busy_house_makes_callers_wait(workshop):
    capacity = Capacity(environments=1)
    first, second = (pool(workshop, capacity=capacity) for _ in range(2))
    busy = asyncio.create_task(who(first, 0.2))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    assert await who(second) == 1
    assert time.monotonic() - began > 0.1
    await busy
    assert len(workshop.live) == 1


async def test_what_a_burst_left_over_goes_first(workshop):
    functions = pool(workshop)
    await asyncio.gather(*(who(functions, 0.25) for _ in range(3)))
    await asyncio.sleep(0.05)
    functions.evict_unused(idle_ttl_s=60, surplus_ttl_s=0.01)
    await asyncio.sleep(0.01)
    assert len(workshop.made) == 3
    assert len(workshop.live) == 1
    functions.evict_unused(idle_ttl_s=0.01, surplus_ttl_s=0.01)
    await asyncio.sleep(0.01)
    assert workshop.live == []


async def test_each_failed_start_is_told_to_one_caller(workshop):
    workshop.failures = 1
    functions = pool(workshop, limit=1)
    results = await asyncio.gather(*(functions.invoke(b"0") for _ in range(3)))
    assert [result.function_error for result in results].count("Unhandled") == 1
    assert len(workshop.live) == 1


async def test_a_broken_factory_takes_no_place_away(workshop):
    def broken(ready, gone):
        raise OSError("no processes left")

    capacity = Capacity(environments=1)
    failing = FunctionPool("f", 1, capacity, broken)
    assert (await failing.invoke(b"0")).error()["errorType"] == "Runtime.StartError"
    assert await who(pool(workshop, capacity=capacity)) == 0


async def test_a_closed_pool_refuses(workshop):
    workshop.start_s = 0.2
    functions = pool(workshop)
    waiting = asyncio.create_task(functions.invoke(b"0"))
    await asyncio.sleep(0.01)
    await functions.close()
    with pytest.raises(RuntimeStopped):
        await waiting
    with pytest.raises(RuntimeStopped):
        await functions.invoke(b"0")


async def test_a_large_event_starts_nothing(workshop):
    with pytest.raises(RequestTooLarge):
        await pool(workshop).invoke(b"x" * (6 * 1024 * 1024 + 1))
    assert workshop.made == []
