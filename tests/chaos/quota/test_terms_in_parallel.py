"""Limits, budgets and time zones change while requests run, from four processes (reliability.md, a and l)."""

from itertools import pairwise

import pytest

from tests.support.organizations import new_organization
from tests.support.quota import NIGHTLY, assert_books_agree, limit, query
from tests.support.terms_workers import run_terms_workers

TURNS = 1_500 if NIGHTLY else 150


@pytest.mark.timeout(300)
def test_terms_change_in_flight_without_a_deadlock(migrated_database):
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": 9_000})
    done = run_terms_workers(migrated_database, context, TURNS)
    assert sum(done.values()) == 4 * TURNS
    assert set(done) == {"use", "limits", "budget", "time zone"}
    query(dsn, "SELECT pg_stat_force_next_flush()")
    assert query(dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    assert query(dsn, "SELECT count(*) FROM quota.usage_ledger WHERE meter = 'messages'") == [(done["use"],)]
    assert_books_agree(dsn)
    # Whoever made a window while the time zone changed has the same end as all others.
    ends = (
        "SELECT meter, window_start FROM quota.windows GROUP BY 1, 2 HAVING min(window_end) < max(window_end)"
    )
    assert query(dsn, ends) == []
    chain = query(dsn, "SELECT DISTINCT meter, window_start, window_end FROM quota.windows ORDER BY 1, 2")
    assert all(one[0] != other[0] or one[2] <= other[1] for one, other in pairwise(chain))
