"""How long reports, exports and an invoice take on a big ledger: `python -m tests.performance.billing`.

One organization has the rows, four others a tenth each; the plans of the statements are printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg

from footnote.billing.usage import DayRange
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_coverage import COVERED
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from footnote.stores.postgres.billing_usage import PostgresUsageStore
from tests.support.organizations import new_organization, open_database
from tests.support.postgres import TestDatabase, running_cluster

_FILL = """
INSERT INTO quota.usage_ledger (
    organization_id, hold_id, attempt, meter, model, user_id, feature, window_start, units,
    cost_micro_usd, at)
SELECT %(o)s, gen_random_uuid(), 1, ('{messages,input_tokens,output_tokens,api_calls}'::text[])[1 + i %% 4],
       'model-' || i %% 3, %(u)s, 'chat', '2026-04-01', 1 + i %% 100, i %% 50,
       timestamptz '2025-05-01 00:00+00' + i * interval '365 days' / %(rows)s
  FROM generate_series(0, %(rows)s - 1) i
"""
_PERIOD = "INSERT INTO billing.periods VALUES (%s, '2025-05-01', '2026-05-01', 'pro', 1, 'manual')"
_RANGES = {
    "a month": DayRange(date(2026, 3, 1), date(2026, 3, 31)),
    "a year": DayRange(date(2025, 5, 1), date(2026, 4, 30)),
}


def fill(database: TestDatabase, rows: int) -> OrganizationContext:
    """The organization with the rows."""
    owner, *others = [new_organization(database) for _ in range(5)]
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        for context, count in [(owner, rows), *((other, rows // 10) for other in others)]:
            names = {"o": context.organization_id, "u": context.user_id, "rows": count}
            connection.execute(_FILL, names)
        connection.execute("ANALYZE quota.usage_ledger")
        connection.execute(_PERIOD, (owner.organization_id,))
    return owner


async def measure(template: TestDatabase, rows: int) -> None:
    """Prints all figures."""
    owner, database = fill(template, rows), open_database(template)
    usage, whole = PostgresUsageStore(database), _RANGES["a year"]
    for name, days in _RANGES.items():
        for group_by in ("day", "meter", "user", "model", "feature"):
            started = time.perf_counter()
            report = await usage.report(owner, days, group_by)
            tell(f"report of {name} by {group_by}, {len(report.rows)} rows", started)
    started = time.perf_counter()
    page = await usage.export(owner, whole, 5_000, None)
    tell("first page of the export, 5,000 rows", started)
    started = time.perf_counter()
    await usage.export(owner, whole, 5_000, page[-1].place)
    tell("second page", started)
    names = {
        "organization_id": owner.organization_id, "start": datetime(2026, 3, 1, tzinfo=UTC), "xmin": "999999",
        "cutoff": datetime(2026, 4, 1, tzinfo=UTC), "since_cutoff": datetime(2026, 3, 1, tzinfo=UTC),
        "since_xmin": "999990", "end": datetime(2026, 4, 1, tzinfo=UTC), "late_holds": [],
    }  # fmt: skip
    async with database.tenant_tx(owner) as cursor:
        await cursor.execute(f"EXPLAIN (COSTS off) {COVERED}", names)
        print("\n".join(row["QUERY PLAN"] for row in await cursor.fetchall()))
    store = PostgresInvoiceStore(database, BillingSettings(invoice_delay_s=0), "free")
    started = time.perf_counter()
    invoice = await store.issue_next(owner)
    assert invoice is not None
    tell(f"invoice over {invoice.document.ledger_rows:,} rows", started)
    await database.close()


def tell(what: str, started: float) -> None:
    """One figure."""
    print(f"{(time.perf_counter() - started) * 1000:9,.0f} ms  {what}")


def main() -> None:
    """Measures on a cluster of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=500_000)
    rows = options.parse_args().rows
    directory = Path(tempfile.mkdtemp(prefix="footnote-billing-"))
    directory.chmod(0o755)
    try:
        with running_cluster(directory) as cluster, cluster.migrated_database() as database:
            asyncio.run(measure(database, rows))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
