"""A store of quotas on real Postgres, and an organization that may use little."""

import pytest

from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.organizations import new_organization
from tests.support.quota import assert_books_agree, limit, query


@pytest.fixture
def dsn(module_database):
    yield module_database.superuser_dsn
    query(module_database.superuser_dsn, "SELECT quota.set_platform_budget(NULL)")
    query(module_database.superuser_dsn, "UPDATE quota.platform_budget SET stage = 'normal'")
    assert_books_agree(module_database.superuser_dsn)


@pytest.fixture
def store(database, dsn):
    return PostgresQuotaStore(database, "free")


@pytest.fixture
def context(module_database, dsn):
    context = new_organization(module_database)
    limit(dsn, context.organization_id, {"messages": 2, "tokens_per_message": 900})
    return context
