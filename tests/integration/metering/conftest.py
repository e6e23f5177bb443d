"""Jobs and stores over one database."""

import psycopg
import pytest

from footnote.stores.postgres.outbox import PostgresMeteringJobs
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.organizations import open_database


@pytest.fixture
async def jobs(migrated_database):
    database = open_database(migrated_database, "footnote_jobs")
    yield PostgresMeteringJobs(database)
    await database.close()


@pytest.fixture
async def store(migrated_database):
    database = open_database(migrated_database)
    yield PostgresQuotaStore(database, "enterprise")
    await database.close()


@pytest.fixture
def sql(migrated_database):
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        yield connection
