"""Billing on a real database."""

import pytest

from footnote.billing import Subscriptions
from footnote.billing.payments.manual import ManualProvider
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.billing import travelling
from tests.support.organizations import new_organization


@pytest.fixture
def times(module_database):
    with travelling(module_database.superuser_dsn) as times:
        yield times


@pytest.fixture
def owner(module_database):
    return new_organization(module_database)


@pytest.fixture
def store(database):
    return PostgresSubscriptionStore(database, "free")


@pytest.fixture
def profiles(database):
    return PostgresProfileStore(database)


@pytest.fixture
def quota(database):
    return PostgresQuotaStore(database, "free")


@pytest.fixture
def subscriptions(store, profiles):
    return Subscriptions(store, profiles, ManualProvider(), BillingSettings())
