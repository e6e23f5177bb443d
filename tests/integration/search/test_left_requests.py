"""Charged requests that are left at any moment, or whose store loses an answer: both or neither."""

import asyncio

import pytest

from footnote.billing import Asked, Bounds, KeptResponse
from footnote.composition.paid import charged
from footnote.models import report_usage
from footnote.platform.errors import ServiceUnavailable
from footnote.quota import Meter, QuotaUnavailable, RequestInProgress
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.charging import books_of, charges_of
from tests.support.kill_points import Cancelling, Forgetful
from tests.support.metering import end_holds

ASKED = Asked("search", {"query": "owls"}, "k-1")
BOUNDS = Bounds(
    {Meter.API_CALLS: 1, Meter.CONCURRENT_REQUESTS: 1}, {(Meter.EMBEDDING_TOKENS, "hashing"): 100}
)


@pytest.fixture
def ask(database, organization):
    """The request, its store and what serves it wrapped; what was answered, and whether it was before."""

    async def ask(wrapper=None, meanwhile=None):
        async def embed():
            report_usage("embedding_tokens", "hashing", 7)
            await (meanwhile() if meanwhile else asyncio.sleep(0))

        store = PostgresQuotaStore(database, "enterprise")
        work = wrapper.function(embed) if isinstance(wrapper, Cancelling) else embed

        async def serve():
            await work()
            return KeptResponse(200, "found")

        charges = charges_of(database, store=wrapper.wrap(store) if wrapper else store)
        return await charged(charges, organization, ASKED, BOUNDS, serve)

    return ask


@pytest.fixture
def books(module_database, organization):
    return lambda: books_of(module_database.superuser_dsn, organization.organization_id)


@pytest.mark.parametrize("again", [False, True], ids=["once", "again and again"])
@pytest.mark.parametrize("moment", range(6))
async def test_a_request_that_is_left_is_charged_and_kept_or_neither(ask, books, moment, again):
    """The moments: before and after the reservation, the work, and the settlement."""
    leaving = Cancelling(moment, again=again)
    assert not await leaving.run(ask(leaving))
    found = books()
    is_charged = found.holds == {"committed": 1}
    assert is_charged == (moment >= 3)
    assert found.units == ({"api_calls": 1, "embedding_tokens": 7} if is_charged else {})
    assert ("released" in found.internal) == (moment == 2)
    # Sent again it is given what was charged, or served.
    assert await ask() == (KeptResponse(200, "found"), is_charged)
    assert books().units == {"api_calls": 1, "embedding_tokens": 7}
    assert books().holds == {"committed": 1}


async def test_there_are_no_further_moments(ask):
    leaving = Cancelling(6)
    assert await leaving.run(ask(leaving))


@pytest.mark.parametrize("lost", range(2))
async def test_an_answer_of_the_store_that_was_lost_changes_nothing(ask, books, lost):
    """That of the reservation, or that of the settlement: the very same call is made once more."""
    assert await ask(Forgetful(lost)) == (KeptResponse(200, "found"), False)
    assert books().units == {"api_calls": 1, "embedding_tokens": 7}
    assert await ask() == (KeptResponse(200, "found"), True)
    assert books().holds == {"committed": 1}


async def test_a_settlement_whose_answers_are_all_lost_is_given_to_whoever_asks_again(ask, books):
    class Lost(Forgetful):
        def wrap(self, part):
            class Losing:
                reserve, release = part.reserve, part.release

                async def settle(self, context, settlement):
                    await part.settle(context, settlement)
                    raise ServiceUnavailable("The answer was lost.")

            return Losing()

    with pytest.raises(QuotaUnavailable, match="charged once at most"):
        await ask(Lost(0))
    assert books().units == {"api_calls": 1, "embedding_tokens": 7}
    assert await ask() == (KeptResponse(200, "found"), True)
    assert books().holds == {"committed": 1}


async def test_a_request_that_was_overtaken_gives_nothing_away(ask, books, module_database):
    """It took so long that its hold ended, and the client sent it again: that one is answered and charged."""

    async def is_sent_again():
        end_holds(module_database.superuser_dsn)
        assert await ask() == (KeptResponse(200, "found"), False)

    with pytest.raises(RequestInProgress):
        await ask(meanwhile=is_sent_again)
    found = books()
    assert found.units == {"api_calls": 1, "embedding_tokens": 7}
    assert sum(found.internal.values()) == found.internal["stale"] > 0
    assert await ask() == (KeptResponse(200, "found"), True)


async def test_a_request_whose_hold_ended_is_charged_late(ask, books, module_database):
    async def takes_long():
        end_holds(module_database.superuser_dsn)

    assert await ask(meanwhile=takes_long) == (KeptResponse(200, "found"), False)
    found = books()
    assert found.units == {"api_calls": 1, "embedding_tokens": 7}
    assert sum(found.internal.values()) == 0
