"""Organizations and members put into a test database, and the contexts of their requests."""

from __future__ import annotations

from dataclasses import replace

import psycopg

from footnote.identity import permissions_of
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.platform.settings import PostgresSettings
from footnote.stores.postgres.database import Database
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.postgres import TestDatabase


def new_organization(database: TestDatabase, role: str = "owner") -> OrganizationContext:
    """A new organization with one member; the context of a request of that member."""
    organization_id = new_id()
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO core.organizations (organization_id, name, storage_prefix) VALUES (%s, %s, %s)",
            (organization_id, f"Organization {organization_id}", f"organizations/{organization_id}/"),
        )
    empty = OrganizationContext(organization_id)
    return new_member(database, empty, role)


def new_member(
    database: TestDatabase, context: OrganizationContext, role: str = "member"
) -> OrganizationContext:
    """A further member of the context's organization."""
    user_id = new_id()
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO core.users (user_id, email, hashed_password) VALUES (%s, %s, '-')",
            (user_id, f"{user_id}@example.com"),
        )
        connection.execute(
            "INSERT INTO core.memberships (organization_id, user_id, role) VALUES (%s, %s, %s)",
            (context.organization_id, user_id, role),
        )
    return replace(context, user_id=user_id, role=role, permissions=permissions_of(role))


def open_database(database: TestDatabase, role: str = "footnote_app") -> Database:
    """The tenant transactions of a process that signs in to Postgres as `role`."""
    settings = PostgresSettings(
        host=database.host, port=database.port, database=database.name, user=role, password_secret=role
    )
    return Database(settings, StaticSecrets(database.passwords))
