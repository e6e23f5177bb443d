"""What a deployment and a rotation do."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from footnote.composition.foundation import Foundation

if TYPE_CHECKING:
    from footnote.stores.postgres.migrator import Migrator
    from footnote.stores.secrets.rotation import Rotation


class Maintenance(Foundation):
    """Services that only AWS asks for."""

    @cached_property
    def migrator(self) -> Migrator:
        from footnote.stores.postgres.bootstrap import ROLES
        from footnote.stores.postgres.migrator import Migrator

        settings = self.settings.maintenance
        return Migrator(
            self.settings.postgres,
            self.secrets,
            settings.secret("postgres/administrator"),
            {role: settings.secret(f"postgres/{role}") for role in ROLES},
        )

    @cached_property
    def secrets_manager(self) -> Any:
        """boto3's client of Secrets Manager."""
        from footnote.stores.secrets.aws import client

        return client("secretsmanager")

    def make_first_keys(self) -> bool:
        """Fills the signing secrets of a new stage; whether they were empty."""
        from footnote.stores.secrets.aws import make_first_keys

        settings = self.settings.maintenance
        return make_first_keys(
            self.secrets_manager,
            settings.secret("identity/signing"),
            settings.secret("identity/verification"),
        )

    @cached_property
    def rotation(self) -> Rotation:
        from footnote.stores.postgres.bootstrap import ROLES
        from footnote.stores.secrets.aws import client, ping_cache
        from footnote.stores.secrets.rotation import Rotation
        from footnote.stores.secrets.strategies import CacheToken, RolePassword, SigningKey

        settings = self.settings.maintenance
        password = RolePassword(self.settings.postgres)
        cache = CacheToken(client("elasticache"), settings.cache_id, self.settings.redis, ping_cache)
        signing = SigningKey(self.secrets_manager, settings.secret("identity/verification"))
        return Rotation(
            self.secrets_manager,
            {
                **{f"footnote/postgres/{role}": password for role in ROLES},
                "footnote/redis": cache,
                "footnote/identity/signing": signing,
            },
        )
