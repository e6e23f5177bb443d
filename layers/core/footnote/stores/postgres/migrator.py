"""What a deployment does to the database: roles, passwords, ownership, schema. Each step may be repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from psycopg.conninfo import make_conninfo

from footnote.platform.settings import PostgresSettings
from footnote.stores.postgres.bootstrap import OWNER, ROLES, adopt_database, create_roles
from footnote.stores.postgres.credentials import Credentials, SecretReader, read_credentials
from footnote.stores.postgres.migrate import current_revision, upgrade


class Migrator:
    """Brings the database to the version of this code.

    Args:
        settings: Where the database is.
        secrets: Source of the passwords.
        administrator_secret: Id of the administrator's.
        role_secrets: Ids of the roles', by role.
    """

    def __init__(
        self,
        settings: PostgresSettings,
        secrets: SecretReader,
        administrator_secret: str,
        role_secrets: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._administrator_secret = administrator_secret
        self._role_secrets = role_secrets

    async def migrate(self) -> str:
        """Does all of it; the revision of the schema.

        Raises:
            psycopg.Error: A step failed. The schema is as it was or as it should be, never in between.
            ServiceUnavailable: A secret cannot be read.
        """
        administrator = await read_credentials(self._secrets, self._administrator_secret)
        passwords = {
            role: (await read_credentials(self._secrets, self._role_secrets[role])).password for role in ROLES
        }
        return await asyncio.to_thread(self._migrate, administrator, passwords)

    def _migrate(self, administrator: Credentials, passwords: Mapping[str, str]) -> str:
        database = self._settings.database
        dsn = self._dsn(administrator.username or "postgres", administrator.password)
        create_roles(dsn, passwords)
        adopt_database(dsn, database)
        owner = self._dsn(OWNER, passwords[OWNER])
        upgrade(owner)
        revision = current_revision(owner)
        assert revision is not None
        return revision

    def _dsn(self, user: str, password: str) -> str:
        settings = self._settings
        return make_conninfo(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=user,
            password=password,
            sslmode=settings.sslmode,
            connect_timeout=10,
        )
