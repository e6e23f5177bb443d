"""The rules by which findings become a report."""

import asyncio

from footnote.operations import Check, Health
from tests.support.clock import ManualClock


async def _works():
    return None


async def _breaks():
    raise RuntimeError("password=hidden")


async def _hangs():
    await asyncio.sleep(60)


async def _will_not_be_cancelled():
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.3)
        raise RuntimeError("gave up late")


def _health(*checks, clock=None):
    return Health(checks, clock or ManualClock())


async def test_all_well():
    report = await _health(Check("a", _works, 1), Check("b", _works, 1)).report()
    assert report.status == "healthy"
    assert {name: finding.status for name, finding in report.findings.items()} == {
        "a": "healthy",
        "b": "healthy",
    }


async def test_a_critical_failure_degrades_and_keeps_its_reason_to_itself():
    report = await _health(Check("a", _works, 1), Check("b", _breaks, 1, failed="not ready")).report()
    assert report.status == "degraded"
    assert report.findings["b"].status == "not ready"
    assert "hidden" not in repr(report)


async def test_an_uncritical_failure_is_told_and_degrades_nothing():
    report = await _health(Check("a", _works, 1), Check("b", _breaks, 1, is_critical=False)).report()
    assert report.status == "healthy"
    assert report.findings["b"].status == "unhealthy"


async def test_a_dependency_that_hangs_costs_no_more_than_its_limit():
    started = asyncio.get_running_loop().time()
    hanging = [Check("a", _hangs, 0.1), Check("b", _hangs, 0.1), Check("c", _will_not_be_cancelled, 0.1)]
    report = await _health(*hanging, Check("d", _works, 1)).report()
    assert asyncio.get_running_loop().time() - started < 0.25
    assert [finding.status for finding in report.findings.values()] == ["unhealthy"] * 3 + ["healthy"]
    await asyncio.sleep(0.4)


async def test_only_the_named_checks_run():
    report = await _health(Check("a", _works, 1), Check("b", _breaks, 1)).report(["a"])
    assert report.status == "healthy"
    assert list(report.findings) == ["a"]


async def test_findings_are_kept_for_a_second():
    clock, calls = ManualClock(), []

    async def counted():
        calls.append(1)

    health = _health(Check("a", counted, 1), clock=clock)
    for _ in range(5):
        await health.report()
    assert len(calls) == 1
    clock.advance(1.1)
    await health.report()
    assert len(calls) == 2
