"""What the secrets are that rotate: passwords of roles, the cache's token, the signing key."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from footnote.identity.key_rotation import rotate_signing_secret, with_verification_key
from footnote.platform.settings import PostgresSettings, RedisSettings

_PASSWORD_BYTES = 30


class RolePassword:
    """A database role changes its own password. The proxy knows both until its next look at the secret.

    Args:
        settings: Where the database is, without the proxy.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings

    def create(self, current: str) -> str:
        return json.dumps({**json.loads(current), "password": secrets.token_urlsafe(_PASSWORD_BYTES)})

    def set(self, current: str, pending: str) -> None:
        import psycopg

        from footnote.stores.postgres.bootstrap import set_password

        try:
            connection = self._connect(current)
        except psycopg.OperationalError:
            # This step has run before, and its answer was lost.
            self.test(pending)
            return
        new = json.loads(pending)
        with connection:
            set_password(connection, new["username"], new["password"])

    def test(self, pending: str) -> None:
        with self._connect(pending) as connection:
            connection.execute("SELECT 1")

    def _connect(self, secret: str) -> Any:
        import psycopg

        content, settings = json.loads(secret), self._settings
        return psycopg.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=content["username"],
            password=content["password"],
            sslmode=settings.sslmode,
            connect_timeout=10,
            autocommit=True,
        )


class CacheToken:
    """ElastiCache lets two tokens hold at the same time (strategy ROTATE), so that nobody is shut out.

    Args:
        client: boto3's client of ElastiCache.
        replication_group: Id of the cache.
        settings: Where the cache is.
        ping: Uses a token: (settings, token).
    """

    def __init__(
        self,
        client: Any,
        replication_group: str,
        settings: RedisSettings,
        ping: Callable[[RedisSettings, str], None],
    ) -> None:
        self._client = client
        self._replication_group = replication_group
        self._settings = settings
        self._ping = ping

    def create(self, current: str) -> str:  # noqa: ARG002 - nothing of the old token remains
        # ElastiCache allows few characters beside letters and digits, and no underscore.
        return secrets.token_hex(_PASSWORD_BYTES)

    def set(self, current: str, pending: str) -> None:  # noqa: ARG002 - the cache still knows the old token
        self._client.modify_replication_group(
            ReplicationGroupId=self._replication_group,
            AuthToken=pending,
            AuthTokenUpdateStrategy="ROTATE",
            ApplyImmediately=True,
        )
        waiter = self._client.get_waiter("replication_group_available")
        waiter.wait(ReplicationGroupId=self._replication_group, WaiterConfig={"Delay": 5, "MaxAttempts": 20})

    def test(self, pending: str) -> None:
        self._ping(self._settings, pending)


class SigningKey:
    """The key that was announced at the rotation before signs from now on; a new one is announced.

    So every verifier has known a key for weeks when the first token is signed with it, and no step has to
    wait.

    Args:
        client: boto3's client of Secrets Manager.
        verification_secret: Id of the secret with the public keys.
    """

    def __init__(self, client: Any, verification_secret: str) -> None:
        self._client = client
        self._verification_secret = verification_secret

    def create(self, current: str) -> str:
        return rotate_signing_secret(current)

    def set(self, current: str, pending: str) -> None:
        known = self._known()
        announced = with_verification_key(known, current, pending)
        if announced != known:
            self._client.put_secret_value(SecretId=self._verification_secret, SecretString=announced)

    def test(self, pending: str) -> None:
        known = self._known()
        if with_verification_key(known, pending, pending) != known:
            raise ValueError("a signing key is not announced in the verification secret")

    def _known(self) -> str:
        found = self._client.get_secret_value(SecretId=self._verification_secret, VersionStage="AWSCURRENT")
        return str(found["SecretString"])
