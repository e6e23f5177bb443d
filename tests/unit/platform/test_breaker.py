"""The circuit breaker."""

from footnote.platform.breaker import Breaker
from tests.support.clock import ManualClock


def _breaker():
    clock = ManualClock()
    return clock, Breaker(clock, failures=3, window_s=10, open_s=5)


def _fail(breaker, times):
    for _ in range(times):
        breaker.failed()


def test_opens_after_so_many_failures_within_the_window():
    _, breaker = _breaker()
    _fail(breaker, 2)
    assert breaker.allows()
    _fail(breaker, 1)
    assert not breaker.allows()


def test_failures_far_apart_do_not_count_together():
    clock, breaker = _breaker()
    for _ in range(10):
        breaker.failed()
        clock.advance(6)
        assert breaker.allows()


def test_a_success_forgets_failures():
    _, breaker = _breaker()
    _fail(breaker, 2)
    breaker.succeeded()
    _fail(breaker, 2)
    assert breaker.allows()


def test_after_a_while_one_call_probes():
    clock, breaker = _breaker()
    _fail(breaker, 3)
    clock.advance(4.9)
    assert not breaker.allows()
    clock.advance(0.2)
    assert breaker.allows()
    assert not breaker.allows()


def test_the_probe_closes_or_opens_it():
    clock, breaker = _breaker()
    _fail(breaker, 3)
    clock.advance(5.1)
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    clock.advance(5.1)
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert breaker.allows()
