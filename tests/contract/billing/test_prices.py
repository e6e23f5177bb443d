"""The price table: versions that never change, and what holds while Postgres is down."""

import psycopg
import pytest

from footnote.billing import ANY_MODEL
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import PostgresSettings
from footnote.quota import Meter
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.prices import PostgresPrices
from tests.support.clock import ManualClock
from tests.support.identity import StaticSecrets


@pytest.fixture
def clock():
    return ManualClock()


def publish(superuser, version, price):
    superuser.execute("INSERT INTO billing.price_versions (version, note) VALUES (%s, 'a test')", (version,))
    superuser.execute(
        "INSERT INTO billing.prices VALUES (%s, 'input_tokens', '*', %s, 'a test')", (version, price)
    )


async def test_every_meter_of_a_model_has_a_price_and_no_model_has_none(database, clock):
    prices = await PostgresPrices(database, clock, 60).current()
    meters = {Meter.INPUT_TOKENS, Meter.CACHED_TOKENS, Meter.OUTPUT_TOKENS, Meter.EMBEDDING_TOKENS}
    for meter in meters | {Meter.RERANK_CALLS, Meter.COMPUTE_MS}:
        assert prices.prices[meter, ANY_MODEL] > 0
        assert prices.cost(meter, "of some name", 1) >= 1
    assert prices.cost(Meter.OUTPUT_TOKENS, "extractive", 1_000_000) == 0
    # An hour of the self-hosted endpoint's instance.
    assert prices.cost(Meter.COMPUTE_MS, "llama", 3_600_000) == pytest.approx(1_408_000, abs=10)


async def test_a_new_version_holds_when_the_time_of_the_old_one_is_over(database, superuser, clock):
    prices = PostgresPrices(database, clock, 60)
    first = await prices.current()
    publish(superuser, 7, 123)
    clock.advance(59)
    assert await prices.current() is first
    clock.advance(2)
    newest = await prices.current()
    assert (newest.version, newest.cost(Meter.INPUT_TOKENS, "x", 1_000_000)) == (7, 123)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE billing.prices SET price = 0", "DELETE FROM billing.price_versions WHERE version = 1"],
)
def test_what_was_published_never_changes(superuser, statement):
    with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
        superuser.execute(statement)


async def test_the_last_prices_hold_while_postgres_is_down(database, clock):
    nowhere = Database(PostgresSettings(host="127.0.0.1", port=1), StaticSecrets({}))
    prices = PostgresPrices(database, clock, 60)
    known = await prices.current()
    prices._database = nowhere  # the server is gone
    clock.advance(61)
    assert await prices.current() is known
    with pytest.raises(ServiceUnavailable):
        await PostgresPrices(nowhere, clock, 60).current()
