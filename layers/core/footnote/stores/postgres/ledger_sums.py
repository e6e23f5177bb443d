"""The usage ledger of some days, as fast as its sums are: what is added up, and the rows that came since.

Both together are the ledger to the unit, in one snapshot (migration 0016).
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from footnote.stores.postgres.database import Cursor

# The days in the organization's time zone, the whole days of UTC among them (`day_first` to `day_until`, that
# one excluded), and what lies before and behind those. Days begin at a quarter of an hour everywhere. All are
# texts: a day of the year 1 or 9999 begins or ends in one that Python does not know.
_BOUNDS = """
SELECT z.zone, b.first_at::text, b.until_at::text, quota.summed_before(%(organization_id)s)::text AS before,
       (w.first_at AT TIME ZONE 'UTC')::date::text AS day_first,
       (w.until_at AT TIME ZONE 'UTC')::date::text AS day_until,
       least(b.until_at, w.first_at)::text AS head_until, greatest(w.first_at, w.until_at)::text AS tail_first
  FROM (SELECT coalesce((SELECT e.time_zone FROM quota.entitlements e
                          WHERE e.organization_id = %(organization_id)s), 'UTC') AS zone) z
 CROSS JOIN LATERAL (
       SELECT %(first)s::date::timestamp AT TIME ZONE z.zone AS first_at,
              (%(last)s::date + 1)::timestamp AT TIME ZONE z.zone AS until_at) b
 CROSS JOIN LATERAL (
       SELECT date_bin('24 hours', b.first_at + interval '24 hours' - interval '1 microsecond', 'epoch')
              AS first_at,
              date_trunc('day', b.until_at, 'UTC') AS until_at) w
"""
# What came since.
_SINCE = """
  FROM quota.usage_ledger u
 WHERE u.organization_id = %(organization_id)s AND u.txid >= %(before)s::xid8
   AND u.at >= %(first_at)s AND u.at < %(until_at)s
"""
# `entries` is how many rows of the ledger one row here stands for, `requests` how many holds; those of rows
# that came since are counted by `REQUESTS_SINCE`.
USED = f"""
SELECT p.part AS at, p.meter, p.model, p.feature, p.units, p.cost_micro_usd, p.entries, p.requests
  FROM quota.usage_parts p
 WHERE p.organization_id = %(organization_id)s AND p.part >= %(first_at)s AND p.part < %(until_at)s
   AND %(before)s::xid8 > '0'
 UNION ALL
SELECT u.at, u.meter, u.model, u.feature, u.units, u.cost_micro_usd, 1, 0 {_SINCE}
"""  # noqa: S608 - constants
REQUESTS_SINCE = f"""
SELECT count(*) FROM (SELECT DISTINCT u.hold_id, u.attempt {_SINCE} AND u.attempt > 0) d
"""  # noqa: S608 - constants
_ROWS = """
 UNION ALL
SELECT u.user_id, u.meter, u.units, u.cost_micro_usd FROM quota.usage_ledger u
 WHERE u.organization_id = %(organization_id)s
"""
USED_BY_MEMBERS = (
    """
SELECT nullif(d.user_id, '00000000-0000-0000-0000-000000000000') AS user_id, d.meter, d.units,
       d.cost_micro_usd
  FROM quota.member_days d
 WHERE d.organization_id = %(organization_id)s AND d.day >= %(day_first)s AND d.day < %(day_until)s
   AND %(before)s::xid8 > '0'
"""
    + _ROWS
    + "AND u.txid < %(before)s::xid8 AND u.at >= %(first_at)s AND u.at < %(head_until)s"
    + _ROWS
    + "AND u.txid < %(before)s::xid8 AND u.at >= %(tail_first)s AND u.at < %(until_at)s"
    + _ROWS
    + "AND u.txid >= %(before)s::xid8 AND u.at >= %(first_at)s AND u.at < %(until_at)s"
)
_TODAY = """
SELECT z.zone, (quota.clock() AT TIME ZONE z.zone)::date AS today
  FROM (SELECT coalesce((SELECT e.time_zone FROM quota.entitlements e
                          WHERE e.organization_id = %(organization_id)s), 'UTC') AS zone) z
"""


async def today_of(cursor: Cursor, organization_id: UUID) -> tuple[date, str]:
    """Today, in the organization's time zone, and that."""
    await cursor.execute(_TODAY, {"organization_id": organization_id})
    row = await cursor.fetchone()
    assert row is not None
    return row["today"], row["zone"]


async def bounds_of(cursor: Cursor, organization_id: UUID, first: date, last: date) -> dict[str, Any]:
    """The parameters of the statements above, and `zone`; for the transaction's snapshot.

    Args:
        cursor: Of a snapshot: rows must not be added up between two statements.
        organization_id: Whose days.
        first: The first day in the organization's time zone.
        last: The last one, included.
    """
    names = {"organization_id": organization_id, "first": first, "last": last}
    await cursor.execute(_BOUNDS, names)
    row = await cursor.fetchone()
    assert row is not None
    return names | dict(row)
