"""What was charged for requests, read from the books themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from footnote.billing import Charges
from footnote.chat.charging import AnswerCharges, AnswerLimits
from footnote.platform.clock import SystemClock
from footnote.quota import Admission
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.metering import FixedPrices, assert_metering_is_exact

LIMITS = AnswerLimits(
    context_tokens=2_000,
    token_factor=1.0,
    embedding_tokens=25_000,
    rerank_calls=0,
    compute_ms=0,
    rewrites=False,
    deadline_s=25.0,
)
KINDS = {
    "embedding_tokens": "embedding",
    "rerank_calls": "rerank",
    "input_tokens": "input",
    "cached_tokens": "cached",
    "output_tokens": "output",
    "compute_ms": "compute",
}


def charges_of(database: Database, plan: str = "enterprise", store: Any = None) -> Charges:
    """Opens charges on real Postgres, at prices that never change."""
    return Charges(Admission(store or PostgresQuotaStore(database, plan), SystemClock()), FixedPrices())


def answer_charges(database: Database, plan: str = "enterprise", store: Any = None) -> AnswerCharges:
    """What `make_chat(charges=...)` takes."""
    return AnswerCharges(charges_of(database, plan, store), LIMITS)


@dataclass
class Books:
    """The ledgers of one organization.

    Attributes:
        units: By meter, of all models.
        cost: As `metadata.cost` tells it, of everything that was charged.
        internal: Cost that no customer pays for, by its source.
        holds: How many are in each state.
    """

    units: dict[str, int] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)
    internal: dict[str, int] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)


def books_of(superuser_dsn: str, organization_id: UUID) -> Books:
    """Reads them, and makes sure that all windows agree with them and that nothing stays reserved."""
    assert_metering_is_exact(superuser_dsn, organization_id, at_rest=True)
    books = Books(cost=dict.fromkeys(("total_micro_usd", *KINDS.values()), 0))
    names = {"organization": organization_id}
    with psycopg.connect(superuser_dsn, autocommit=True, row_factory=dict_row) as connection:
        for row in connection.execute(
            "SELECT meter, units, cost_micro_usd, price_version FROM quota.usage_ledger"
            " WHERE organization_id = %(organization)s AND meter NOT IN ('documents', 'storage_bytes')",
            names,
        ).fetchall():
            books.units[row["meter"]] = books.units.get(row["meter"], 0) + row["units"]
            books.cost["total_micro_usd"] += row["cost_micro_usd"]
            books.cost["price_version"] = row["price_version"]
            if row["meter"] in KINDS:
                books.cost[KINDS[row["meter"]]] += row["cost_micro_usd"]
        internal = connection.execute(
            "SELECT source, sum(cost_micro_usd)::bigint AS cost FROM quota.cost_ledger"
            " WHERE organization_id = %(organization)s GROUP BY source",
            names,
        ).fetchall()
        books.internal = {row["source"]: row["cost"] for row in internal}
        holds = connection.execute(
            "SELECT state, count(*) AS number FROM quota.holds"
            " WHERE organization_id = %(organization)s GROUP BY state",
            names,
        ).fetchall()
        books.holds = {row["state"]: row["number"] for row in holds}
    return books
