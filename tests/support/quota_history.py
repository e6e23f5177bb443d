"""Checks a history of requests against the final books, as Jepsen does.

A request whose process died, or whose answer was an error of the connection, may have taken effect or not.
The history is right if some choice for those explains the ledger, and each refusal was true when it was
given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.quota_workers import Step

REFUSED = "QUOTA_EXCEEDED"
DEFINITE = {REFUSED, "REQUEST_IN_PROGRESS"}


@dataclass
class _Request:
    """All that was told of one idempotency key."""

    first_invoked: float = float("inf")
    is_confirmed: bool = False
    is_unknown: bool = False
    refusals: list[tuple[float, float]] = field(default_factory=list)
    bodies: set[str] = field(default_factory=set)


def check_history(steps: Sequence[Step], ledger: Sequence[int], limit: int) -> Counter[str]:
    """Raises an AssertionError where no order of events explains what was told.

    Args:
        steps: What the processes told; each task is a request of one unit with a key of its own.
        ledger: Numbers of the tasks whose unit is in the ledger.
        limit: Units of the window.

    Returns:
        How many requests were confirmed, refused and unknown.
    """
    requests = _read(steps)
    charged = Counter(ledger)
    assert all(times == 1 for times in charged.values()), "a request was charged twice"
    assert len(charged) <= limit, "more was charged than the limit allows"
    for number, one in requests.items():
        assert len(one.bodies) <= 1, f"request {number} was answered differently"
        if one.is_confirmed:
            assert number in charged, f"request {number} was served and not charged"
        elif number in charged:
            assert one.is_unknown, f"request {number} was refused for good and charged"
    for number, one in requests.items():
        for _, told in one.refusals:
            # Whatever had been asked by then may have been reserved; less than the limit cannot refuse.
            possible = sum(
                other.first_invoked < told and (other.is_confirmed or other.is_unknown or key in charged)
                for key, other in requests.items()
                if key != number
            )
            assert possible >= limit, f"request {number} was refused while there was room"
    return Counter(
        "confirmed" if one.is_confirmed else "unknown" if one.is_unknown else "refused"
        for one in requests.values()
    )


def _read(steps: Sequence[Step]) -> dict[int, _Request]:
    requests: dict[int, _Request] = defaultdict(_Request)
    open_since: dict[tuple[int, int], float] = {}
    for step in steps:
        one = requests[step.number]
        place = step.worker, step.number
        if step.kind == "invoke":
            # Invoked again without an answer: the process before it died.
            one.is_unknown |= place in open_since
            open_since[place] = step.at
            one.first_invoked = min(one.first_invoked, step.at)
            continue
        invoked = open_since.pop(place)
        if step.kind == "ok":
            one.is_confirmed = True
            if step.response is not None:
                one.bodies.add(step.response["answer"])
        elif step.outcome == REFUSED:
            one.refusals.append((invoked, step.at))
        elif step.outcome not in DEFINITE:
            one.is_unknown = True
    for _, number in open_since:
        requests[number].is_unknown = True
    return requests
