"""Traffic and billing in processes of their own, at whatever time the database says that it is."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Reserved, Settlement, Used
from tests.support.billing_world import World
from tests.support.postgres import TestDatabase

_UNITS = {
    Meter.MESSAGES: 1,
    Meter.INPUT_TOKENS: 4000,
    Meter.OUTPUT_TOKENS: 900,
    Meter.CONCURRENT_REQUESTS: 1,
    Meter.COST: 900_000,
}


@dataclass(frozen=True)
class Unsettled:
    """Work whose process went on to something else."""

    context: OrganizationContext
    settlement: Settlement


@dataclass
class Told:
    """What a process did: units by organization and meter that were settled for good, and what it left."""

    used: Counter[tuple[UUID, str]] = field(default_factory=Counter)
    left: list[Unsettled] = field(default_factory=list)


def use(
    template: TestDatabase,
    contexts: Sequence[OrganizationContext],
    seed: int,
    requests: int,
    unsettled: Sequence[Unsettled],
) -> Told:
    """Settles what others have left, and makes requests: some left, some settled twice, some released."""
    return asyncio.run(_use(template, contexts, random.Random(seed), requests, unsettled))


def bill(template: TestDatabase) -> dict[str, int]:
    """One run of the biller."""
    return asyncio.run(_bill(template))


async def _bill(template: TestDatabase) -> dict[str, int]:
    world = World(template)
    try:
        return await world.biller.work(60)
    finally:
        await world.database.close()


async def _use(
    template: TestDatabase,
    contexts: Sequence[OrganizationContext],
    choice: random.Random,
    requests: int,
    unsettled: Sequence[Unsettled],
) -> Told:
    world, told = World(template), Told()
    for one in unsettled:
        await _settle(world, one, told)
    for _ in range(requests):
        context = choice.choice(contexts)
        hold = HoldRequest(new_id(), b"h" * 32, "chat", _UNITS, 600)
        reserved = await world.quota.reserve(context, hold)
        if not isinstance(reserved, Reserved):
            continue
        one = Unsettled(context, Settlement(reserved.hold_id, reserved.attempt, _work(choice), 1))
        fate = choice.random()
        if fate < 0.1:
            told.left.append(one)
        elif fate < 0.15:
            await world.quota.release(context, reserved.hold_id, reserved.attempt, 17)
        else:
            await _settle(world, one, told)
            if fate > 0.8:
                again = await world.quota.settle(context, one.settlement)
                assert again.outcome == "replayed"
    await world.database.close()
    return told


async def _settle(world: World, one: Unsettled, told: Told) -> None:
    settled = await world.quota.settle(one.context, one.settlement)
    assert settled.outcome in {"settled", "late"}
    for used in one.settlement.used:
        told.used[one.context.organization_id, used.meter.value] += used.units


def _work(choice: random.Random) -> tuple[Used, ...]:
    tokens, answer = choice.randrange(1, 4001), choice.randrange(1, 901)
    model = choice.choice(("small", "large"))
    return (
        Used(Meter.MESSAGES, 1),
        Used(Meter.INPUT_TOKENS, tokens, model, tokens * 3),
        Used(Meter.OUTPUT_TOKENS, answer, model, answer * 12),
    )
