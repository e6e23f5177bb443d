"""Ledgers that are added up, as the reconciler leaves them."""

from __future__ import annotations

from footnote.stores.postgres.outbox import PostgresMeteringJobs
from tests.support.organizations import open_database
from tests.support.postgres import TestDatabase


async def add_everything_up(template: TestDatabase, rows: int = 200_000) -> None:
    """Adds up the ledgers of all organizations, however short they are; so many rows at a time."""
    database = open_database(template, "footnote_jobs")
    jobs = PostgresMeteringJobs(database)
    after, added = None, await jobs.add_up(None, 1, rows)
    while added is not None:
        after = after if added.again else added.organization_id
        added = await jobs.add_up(after, 1, rows)
    await database.close()
