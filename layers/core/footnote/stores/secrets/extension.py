"""Secrets through the AWS Parameters and Secrets Lambda extension.

The extension answers `GET /secretsmanager/get?secretId=ID` on the loopback address. The caller proves that it
is the function itself by the header `X-Aws-Parameters-Secrets-Token`, which holds the function's session
token. Locally the stack serves the same contract. The standard library's client keeps this import small.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import urlencode

from footnote.platform.clock import Clock, SystemClock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import SecretsSettings

_STALE_S = 3600
_RETRY_AFTER_FAILURE_S = 5

logger = get_logger("secrets")


class Secrets(Protocol):
    """Anything that answers a secret by its id."""

    async def get(self, secret_id: str) -> str:
        """The secret's current text.

        Raises:
            ServiceUnavailable: The secret cannot be read.
        """
        ...


class StaticSecrets:
    """Secrets from memory, for tests and operator tools.

    Args:
        secrets: Secret texts by id.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(secrets)

    async def get(self, secret_id: str) -> str:
        try:
            return self._secrets[secret_id]
        except KeyError:
            raise ServiceUnavailable("A required secret is not set.") from None


class _Cached(NamedTuple):
    text: str
    read_at: float
    fresh_until: float


class SecretReader:
    """Reads secrets from the extension and keeps them for `settings.cache_s` seconds.

    A secret that was read once survives an outage of the extension for an hour: a hiccup there must not sign
    anybody out. So a rotated secret is seen after at most `cache_s` plus the extension's own cache time.

    Args:
        settings: Port, time limit (seconds) and cache time (seconds).
        clock: Time; tests set their own.
    """

    def __init__(self, settings: SecretsSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._cache: dict[str, _Cached] = {}

    async def get(self, secret_id: str) -> str:
        """The secret's text.

        Raises:
            ServiceUnavailable: The extension failed, and no value of the last hour is known.
        """
        cached = self._cache.get(secret_id)
        now = self._clock.monotonic()
        if cached and now < cached.fresh_until:
            return cached.text
        try:
            text = await asyncio.to_thread(self._fetch, secret_id)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            logger.warning(
                "secret not readable", extra={"secret_id": secret_id, "error": type(error).__name__}
            )
            if cached and now < cached.read_at + _STALE_S:
                self._cache[secret_id] = cached._replace(fresh_until=now + _RETRY_AFTER_FAILURE_S)
                return cached.text
            raise ServiceUnavailable("A required secret cannot be read.") from error
        self._cache[secret_id] = _Cached(text, now, now + self._settings.cache_s)
        return text

    def _fetch(self, secret_id: str) -> str:
        """One request to the extension; blocking."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._settings.extension_port, timeout=self._settings.timeout_s
        )
        try:
            token = os.environ.get("AWS_SESSION_TOKEN", "")
            connection.request(
                "GET",
                "/secretsmanager/get?" + urlencode({"secretId": secret_id}),
                headers={"X-Aws-Parameters-Secrets-Token": token},
            )
            response = connection.getresponse()
            body = response.read()
            if response.status != http.HTTPStatus.OK:
                raise OSError(f"the extension answered {response.status}")
            return str(json.loads(body)["SecretString"])
        finally:
            connection.close()
