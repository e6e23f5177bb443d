"""The biller's own work is done however slowly the payment provider answers."""

from datetime import UTC, datetime
from uuid import UUID

from footnote.billing.biller import Biller
from footnote.billing.payments.duplicates import Duplicate, DuplicateRefunds
from footnote.billing.payments.unheard import UnheardSubscriptions
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import BillingSettings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MANY = 100
TIMEOUT_S, TIME_S = 10.0, 260.0


class HangingProvider:
    """Each call ends with its time limit."""

    name = "stripe"

    def __init__(self) -> None:
        self.time_s = 0.0

    def monotonic(self):
        return self.time_s

    async def state(self, subscription_ref, asked_at):
        self.time_s += TIMEOUT_S
        raise ServiceUnavailable("no answer")

    async def give_back(self, subscription_ref):
        return await self.state(subscription_ref, NOW)


class Store:
    """One organization whose period ended, and many that the provider has to be asked about."""

    def __init__(self) -> None:
        self.is_due = True

    async def now(self):
        return NOW

    async def unheard(self, provider, late_s, limit):
        return [(UUID(int=number), f"sub_{number}") for number in range(MANY)]

    async def waiting(self, older_s, limit):
        return [(UUID(int=number), "stripe", f"sub_{number}") for number in range(MANY)]

    async def find(self, context, provider, subscription_ref):
        return Duplicate(context.organization_id, provider, subscription_ref, "sub_first", NOW)

    async def due(self, after, limit, delay_s, grace_s):
        return [UUID(int=1)]

    async def advance(self, context):
        was_due, self.is_due = self.is_due, False
        return was_due

    async def nothing(self, *_):
        return None

    unpaid = issue_next = close_next = nothing


async def test_periods_end_while_the_provider_does_not_answer():
    store, provider = Store(), HangingProvider()
    duplicates, unheard = DuplicateRefunds(store, provider), UnheardSubscriptions(store, provider)
    settings = BillingSettings()
    done = await Biller(store, store, store, provider, settings, provider, duplicates, unheard).work(TIME_S)
    assert done["advanced"] == 1
    assert done["states_failed"] > 0
    assert done["duplicates_failed"] > 0
