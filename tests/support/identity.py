"""Keys, services and helpers for tests of identity."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from footnote.composition import Container
from footnote.platform.settings import IdentitySettings, PostgresSettings, RedisSettings, Settings
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.postgres import TestDatabase
from tests.support.redis import RedisServer

REDIS_SECRET = "footnote/redis"

KID = "2026-01"
# Fast enough to run thousands of times; production's are in settings.
FAST_HASHING: dict[str, Any] = {"argon2_memory_kib": 64, "argon2_time_cost": 1}


def key_pair() -> tuple[str, str]:
    """A new Ed25519 key as PEM: private, public."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


def identity_secrets(kid: str = KID) -> dict[str, str]:
    """The signing and the verification secret of one new key, by id."""
    private, public = key_pair()
    settings = IdentitySettings()
    session_key = base64.b64encode(os.urandom(32)).decode()
    signing = {"kid": kid, "private_key_pem": private, "session_key_base64": session_key}
    verification = {"keys": [{"kid": kid, "public_key_pem": public}]}
    return {
        settings.signing_secret: json.dumps(signing),
        settings.verification_secret: json.dumps(verification),
    }


def make_container(
    database: TestDatabase, redis: RedisServer, role: str, secrets: Mapping[str, str], **identity: Any
) -> Container:
    """The container of one function's process that signs in to Postgres as `role`.

    `identity` overrides single settings; hashing is cheap unless they say otherwise. Redis gets more time
    than in production, so that a busy machine does not look like a Redis that is down.
    """
    settings = Settings(
        environment="test",
        identity=IdentitySettings(**{**FAST_HASHING, **identity}),
        postgres=PostgresSettings(
            host=database.host, port=database.port, database=database.name, user=role, password_secret=role
        ),
        redis=RedisSettings(
            port=redis.port, password_secret=REDIS_SECRET, connect_timeout_s=1.0, timeout_s=2.0
        ),
    )
    container = Container(settings)
    container.__dict__["secrets"] = StaticSecrets(
        {**secrets, **database.passwords, REDIS_SECRET: redis.password}
    )
    return container


async def close(container: Container) -> None:
    """Ends the connections that the container has opened."""
    for name in ("database", "redis"):
        if name in container.__dict__:
            await container.__dict__[name].close()
