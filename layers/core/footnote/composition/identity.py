"""Who may do what."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.maintenance import Maintenance

if TYPE_CHECKING:
    from footnote.identity.accounts import Accounts
    from footnote.identity.authentication import Authentication
    from footnote.identity.authorization import Authorizer
    from footnote.stores.redis.revocations import RedisRevocations


class Identity(Maintenance):
    """Services of identity."""

    @cached_property
    def revocations(self) -> RedisRevocations:
        from footnote.stores.redis.revocations import RedisRevocations

        return RedisRevocations(self.redis)

    @cached_property
    def authentication(self) -> Authentication:
        """For `auth`: the process signs in to Postgres as `footnote_auth`."""
        from footnote.identity.access_tokens import AccessTokenIssuer
        from footnote.identity.authentication import Authentication
        from footnote.identity.keys import CurrentKeys, parse_signing_keys
        from footnote.identity.passwords import Passwords
        from footnote.stores.postgres.identity import PostgresIdentityStore

        settings = self.settings.identity
        return Authentication(
            settings,
            store=PostgresIdentityStore(self.database),
            revocations=self.revocations,
            keys=CurrentKeys(self.secrets, settings.signing_secret, parse_signing_keys),
            issuer=AccessTokenIssuer(settings, self.clock),
            passwords=Passwords(settings),
        )

    @cached_property
    def authorizer(self) -> Authorizer:
        from footnote.identity.access_tokens import AccessTokenVerifier
        from footnote.identity.authorization import Authorizer
        from footnote.identity.keys import CurrentKeys, parse_verification_keys

        settings = self.settings.identity
        return Authorizer(
            AccessTokenVerifier(settings),
            CurrentKeys(self.secrets, settings.verification_secret, parse_verification_keys),
            self.revocations,
        )

    @cached_property
    def accounts(self) -> Accounts:
        from footnote.identity.accounts import Accounts
        from footnote.stores.postgres.identity import PostgresAccountStore

        return Accounts(PostgresAccountStore(self.database))
