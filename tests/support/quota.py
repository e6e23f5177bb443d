"""What quota tests share: limits, time that can be moved, and the books counted anew."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Used
from tests.support.metering import entitle

CHAT = {Meter.MESSAGES: 1, Meter.INPUT_TOKENS: 100, Meter.COST: 50}
"""What a request reserves, and what it has used in the end."""
USED = (Used(Meter.MESSAGES, 1), Used(Meter.INPUT_TOKENS, 60, "a-model", 20))

NIGHTLY = bool(os.environ.get("FOOTNOTE_NIGHTLY"))
"""Figures of the whole test plan, hours; otherwise those of the gate."""

# The window of a cost is that of the hold's cost line: of months, as are the rows that carry costs.
_BOOKS = """
    WITH ledger AS (
        SELECT organization_id, organization_id AS subject, meter, window_start, units FROM quota.usage_ledger
         UNION ALL
        SELECT organization_id, user_id, meter, window_start, units FROM quota.usage_ledger
         WHERE user_id IS NOT NULL AND attempt > 0 AND meter IN ('messages', 'api_calls')
         UNION ALL
        SELECT organization_id, s, 'cost', window_start, cost_micro_usd
          FROM quota.usage_ledger, unnest(ARRAY[organization_id, user_id]) s WHERE s IS NOT NULL
         UNION ALL
        SELECT organization_id, s, 'cost', window_start, cost_micro_usd
          FROM quota.cost_ledger, unnest(ARRAY[organization_id, user_id]) s WHERE s IS NOT NULL
    ), used AS (
        SELECT organization_id, subject, meter, window_start, sum(units)::bigint AS units
          FROM ledger GROUP BY 1, 2, 3, 4
    ), held AS (
        SELECT h.organization_id, l.subject, l.meter, l.window_start, sum(l.units)::bigint AS units
          FROM quota.holds h, unnest(h.lines) l WHERE h.state = 'open' GROUP BY 1, 2, 3, 4
    ), windows AS (
        SELECT organization_id, subject, meter, window_start, committed, reserved FROM quota.windows
    )
    SELECT organization_id, subject, meter, window_start, w.committed, u.units, w.reserved, h.units
      FROM windows w
      FULL JOIN used u USING (organization_id, subject, meter, window_start)
      FULL JOIN held h USING (organization_id, subject, meter, window_start)
     WHERE coalesce(w.committed, 0) <> coalesce(u.units, 0) OR coalesce(w.reserved, 0) <> coalesce(h.units, 0)
"""
_PLATFORM = """
    SELECT p.committed, p.reserved, o.committed, o.reserved
      FROM (SELECT coalesce(sum(committed), 0) AS committed, coalesce(sum(reserved), 0) AS reserved
              FROM quota.platform_windows) p,
           (SELECT coalesce(sum(committed), 0) AS committed, coalesce(sum(reserved), 0) AS reserved
              FROM quota.windows WHERE meter = 'cost' AND subject = organization_id) o
"""


def assert_books_agree(superuser_dsn: str) -> None:
    """Each window is the sum of its ledger rows and open holds; the platform's parts that of all costs."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        assert connection.execute(_BOOKS).fetchall() == []
        parts = connection.execute(_PLATFORM).fetchone()
        assert parts is not None
        assert parts[:2] == parts[2:], parts


def query(superuser_dsn: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of one statement that no policy holds back."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def window(superuser_dsn: str, organization_id: UUID, meter: Meter) -> tuple[int, int]:
    """Committed and reserved units of the organization's newest window of a meter."""
    rows = query(
        superuser_dsn,
        "SELECT committed, reserved FROM quota.windows"
        " WHERE organization_id = %s AND subject = organization_id AND meter = %s"
        " ORDER BY window_start DESC LIMIT 1",
        organization_id,
        meter.value,
    )
    return rows[0] if rows else (0, 0)


def limit(superuser_dsn: str, organization_id: UUID, limits: Mapping[str, int | None], **terms: Any) -> None:
    """Gives the organization these limits; see `entitle`."""
    entitle(superuser_dsn, organization_id, json.dumps(limits), **terms)


def request_of(units: Mapping[Meter, int], **fields: Any) -> HoldRequest:
    """A request for a chat answer, with an id of its own unless one is given."""
    values: dict[str, Any] = {"hold_id": new_id(), "request_hash": b"one", "feature": "chat", "ttl_s": 60}
    return HoldRequest(**{**values, **fields, "units": units})


def let_time_of_holds_pass(superuser_dsn: str) -> None:
    """All open holds are over since two minutes: what TTL and 60 seconds later would be."""
    past = "UPDATE quota.holds SET expires_at = now() - interval '2 minutes' WHERE state = 'open'"
    query(superuser_dsn, past)


@contextmanager
def moved_clock(superuser_dsn: str, start: str) -> Iterator[MovedClock]:
    """The database's clock of windows and ledgers stands at `start`; afterwards it is the machine's again."""
    query(superuser_dsn, "CREATE TABLE public.test_time AS SELECT %s::timestamptz AS now", start)
    query(superuser_dsn, "GRANT USAGE ON SCHEMA public TO PUBLIC")
    query(superuser_dsn, "GRANT SELECT ON public.test_time TO PUBLIC")
    replace = "CREATE OR REPLACE FUNCTION quota.clock() RETURNS timestamptz LANGUAGE sql STABLE AS '{}'"
    query(superuser_dsn, replace.format("SELECT now FROM public.test_time"))
    try:
        yield MovedClock(superuser_dsn)
    finally:
        query(superuser_dsn, replace.format("SELECT now()"))
        query(superuser_dsn, "DROP TABLE public.test_time")


class MovedClock:
    """Sets the database's clock."""

    def __init__(self, superuser_dsn: str) -> None:
        self._dsn = superuser_dsn

    def set(self, moment: str | datetime) -> None:
        query(self._dsn, "UPDATE public.test_time SET now = %s", moment)


def swept(dsn: str) -> None:
    """Ends all holds, as the sweeper does when their time is over."""
    let_time_of_holds_pass(dsn)
    while query(dsn, "SELECT metering.expire_next(5)") == [(True,)]:
        pass
