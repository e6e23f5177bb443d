"""Subscriptions, fees and periods that were there before one subscription was in force keep their meaning."""

from datetime import UTC, datetime

import psycopg
from psycopg.rows import dict_row

from footnote.billing import ProviderSubscription
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from footnote.stores.postgres.migrate import upgrade
from tests.support.organizations import new_organization, open_database

BEFORE, AFTER = "0014_calendars", "0015_one_subscription"
MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
MIDDLE, MAY, JUNE = (datetime(2026, month, day, tzinfo=UTC) for month, day in ((4, 15), (5, 1), (6, 1)))

# What two subscriptions in turns have left: the first one has begun its closed period anew.
_ROWS = """
INSERT INTO billing.subscriptions (organization_id, subscription_id, plan, plan_version, provider,
    customer_ref, provider_ref, provider_changed_at, status, anchor, period_start, period_end, started_at,
    ended_at)
VALUES (%(o)s, gen_random_uuid(), 'pro', 1, 'stripe', 'cus_old', 'sub_2', %(middle)s, 'cancelled', %(april)s,
        %(april)s, %(may)s, %(april)s, %(middle)s),
       (%(o)s, gen_random_uuid(), 'pro', 1, 'stripe', 'cus_now', 'sub_1', %(middle)s, 'active', %(march)s,
        %(april)s, %(may)s, %(middle)s, NULL);
INSERT INTO billing.plan_charges (organization_id, charge_id, period_start, kind, name, plan, plan_version,
    starts_at, ends_at, amount_cents)
SELECT %(o)s, gen_random_uuid(), at, 'fee', 'Pro', 'pro', 1, at, at + interval '1 month', 2900
  FROM unnest(ARRAY[%(march)s, %(april)s]) at;
INSERT INTO billing.periods (organization_id, period_start, period_end, plan, plan_version, provider)
VALUES (%(o)s, %(march)s, %(april)s, 'pro', 1, 'stripe'), (%(o)s, %(april)s, %(middle)s, 'pro', 1, 'stripe');
"""


async def test_a_subscription_that_has_begun_its_period_twice_goes_on(postgres_cluster):
    with postgres_cluster.empty_database() as empty:
        owner_dsn = empty.dsn("footnote_owner")
        upgrade(owner_dsn, BEFORE)
        context = new_organization(empty)
        names = {"o": context.organization_id, "march": MARCH, "april": APRIL, "middle": MIDDLE, "may": MAY}
        with psycopg.connect(empty.superuser_dsn, autocommit=True, row_factory=dict_row) as superuser:
            for statement in _ROWS.split(";")[:-1]:
                superuser.execute(statement.encode(), names)
            upgrade(owner_dsn, AFTER)
            (customer,) = superuser.execute("SELECT customer_ref FROM billing.customers").fetchall()
            assert customer == {"customer_ref": "cus_now"}
            fees = superuser.execute(
                "SELECT provider_ref, period_start FROM billing.provider_fees ORDER BY 1, 2"
            ).fetchall()
            assert {(row["provider_ref"], row["period_start"]) for row in fees} == {
                ("sub_1", MARCH),
                ("sub_1", APRIL),
                ("sub_2", APRIL),
            }
            # All that later releases have, and the next period: it can be closed.
            upgrade(owner_dsn)
            database = open_database(empty)
            state = ProviderSubscription(
                context.organization_id, "cus_now", "sub_1", "pro", 1, "active", MAY, JUNE, False, MAY
            )
            store = PostgresSubscriptionStore(database, "free")
            assert await store.apply_provider_state(context, state) == "applied"
            await database.close()
            closed = superuser.execute(
                "SELECT period_start, period_end FROM billing.periods ORDER BY 1"
            ).fetchall()
        assert [(row["period_start"], row["period_end"]) for row in closed] == [
            (MARCH, APRIL),
            (APRIL, MIDDLE),
            (MIDDLE, MAY),
        ]


# The first one was told of before the provider had renewed it: its whole period was closed by the other.
_WHOLLY_CLOSED = """
INSERT INTO billing.subscriptions (organization_id, subscription_id, plan, plan_version, provider,
    customer_ref, provider_ref, provider_changed_at, status, anchor, period_start, period_end, started_at)
VALUES (%(o)s, gen_random_uuid(), 'pro', 1, 'stripe', 'cus_now', 'sub_1', %(may)s, 'active', %(march)s,
        %(april)s, %(may)s, %(may)s);
INSERT INTO billing.periods (organization_id, period_start, period_end, plan, plan_version, provider)
VALUES (%(o)s, %(april)s, %(may)s, 'pro', 1, 'stripe');
"""


async def test_a_subscription_whose_whole_period_was_closed_goes_on(postgres_cluster):
    with postgres_cluster.empty_database() as empty:
        owner_dsn = empty.dsn("footnote_owner")
        upgrade(owner_dsn, BEFORE)
        context = new_organization(empty)
        names = {"o": context.organization_id, "march": MARCH, "april": APRIL, "may": MAY}
        with psycopg.connect(empty.superuser_dsn, autocommit=True, row_factory=dict_row) as superuser:
            for statement in _WHOLLY_CLOSED.split(";")[:-1]:
                superuser.execute(statement.encode(), names)
            upgrade(owner_dsn)
            database = open_database(empty)
            state = ProviderSubscription(
                context.organization_id, "cus_now", "sub_1", "pro", 1, "active", MAY, JUNE, False, MAY
            )
            store = PostgresSubscriptionStore(database, "free")
            assert await store.apply_provider_state(context, state) == "applied"
            current = (await store.overview(context)).subscription
            await database.close()
            closed = superuser.execute("SELECT period_start, period_end FROM billing.periods").fetchall()
        assert [(row["period_start"], row["period_end"]) for row in closed] == [(APRIL, MAY)]
        assert (current.period_start, current.period_end) == (MAY, JUNE)
