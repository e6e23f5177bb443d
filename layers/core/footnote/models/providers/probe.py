"""Whether the generation server answers."""

from __future__ import annotations

from typing import Protocol

import httpx

from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import GenerationSettings


class SecretReader(Protocol):
    """Gives a secret's text by its id."""

    async def get(self, secret_id: str) -> str: ...


class GenerationProbe:
    """Asks an OpenAI-compatible server for its models. Without a server answers are extractive: ready.

    Args:
        settings: Address and key of the server.
        secrets: Source of the key.
    """

    def __init__(self, settings: GenerationSettings, secrets: SecretReader) -> None:
        self._settings = settings
        self._secrets = secrets
        self._client = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def ping(self) -> None:
        """Returns if the server is ready.

        Raises:
            ModelUnavailable: It does not answer, or refuses the key.
        """
        if self._settings.base_url is None:
            return
        headers = {}
        if self._settings.api_key_secret:
            key = await self._secrets.get(self._settings.api_key_secret)
            headers["Authorization"] = f"Bearer {key}"
        try:
            url = f"{self._settings.base_url.rstrip('/')}/models"
            response = await self._client.get(url, headers=headers)
        except httpx.HTTPError as error:
            raise ModelUnavailable("The generation server does not answer.") from error
        if response.status_code != httpx.codes.OK:
            raise ModelUnavailable("The generation server is not ready.")
