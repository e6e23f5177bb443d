"""The embedding container at a plain URL, for tools and tests that run beside it."""

from __future__ import annotations

import httpx

from footnote.models.providers.client import HttpClient
from footnote.models.providers.container import ContainerEmbedder
from footnote.platform.settings import EmbeddingSettings

JSON_HEADERS = {"Content-Type": "application/json"}


class HttpEmbedder(ContainerEmbedder):
    """An `Embedder` that posts to `{url}/invocations`.

    Args:
        url: The container's address, for instance `http://127.0.0.1:8080`.
        settings: Batch size and time limits.
    """

    def __init__(self, url: str, settings: EmbeddingSettings) -> None:
        super().__init__(settings, self._post)
        self._url = f"{url.rstrip('/')}/invocations"
        self._client = HttpClient(settings.connect_timeout_s)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def _post(self, body: bytes) -> httpx.Response:
        return await self._client.get().post(self._url, content=body, headers=JSON_HEADERS)
