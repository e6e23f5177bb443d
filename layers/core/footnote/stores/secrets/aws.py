"""AWS's clients for what only deployments and rotations do; the runtime carries boto3."""

from __future__ import annotations

import asyncio
from typing import Any

from footnote.platform.logging import get_logger
from footnote.platform.settings import RedisSettings

logger = get_logger("rotation")


def client(service: str) -> Any:
    """boto3's client of a service, as the function's environment says."""
    import boto3

    connect: Any = boto3.client  # its stubs know each service by its own literal
    return connect(service)


def ping_cache(settings: RedisSettings, token: str) -> None:
    """Signs in to the cache with a token.

    Raises:
        redis.exceptions.RedisError: The token does not hold.
    """

    async def ping() -> None:
        from redis.asyncio import Redis

        connection = Redis(host=settings.host, port=settings.port, password=token, ssl=settings.tls)
        try:
            await connection.ping()
        finally:
            await connection.aclose()

    asyncio.run(ping())


def make_first_keys(secrets: Any, signing_id: str, verification_id: str) -> bool:
    """Fills the signing and the verification secret of a new stage; whether they were empty.

    The verification secret is written first: a stage that stops in between begins anew.
    """
    from footnote.identity.key_rotation import new_signing_secret, new_verification_secret

    found = secrets.get_secret_value(SecretId=signing_id, VersionStage="AWSCURRENT")
    if found["SecretString"].startswith("{"):
        return False
    signing = new_signing_secret()
    secrets.put_secret_value(SecretId=verification_id, SecretString=new_verification_secret(signing))
    secrets.put_secret_value(SecretId=signing_id, SecretString=signing)
    logger.info("the stage has its first signing key")
    return True
