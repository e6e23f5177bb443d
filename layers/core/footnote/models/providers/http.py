"""Model containers at a plain URL, for tools and tests that run beside them."""

from __future__ import annotations

import httpx

from footnote.models.providers.client import HttpClient
from footnote.models.providers.container import ContainerEmbedder
from footnote.models.providers.reranking import ContainerReranker
from footnote.platform.settings import EmbeddingSettings, RerankingSettings

JSON_HEADERS = {"Content-Type": "application/json"}


class HttpExchange:
    """Posts to `{url}/invocations`.

    Args:
        url: The container's address, for instance `http://127.0.0.1:8080`.
        connect_timeout_s: Time limit of opening a connection.
    """

    def __init__(self, url: str, connect_timeout_s: float) -> None:
        self.url = f"{url.rstrip('/')}/invocations"
        self._client = HttpClient(connect_timeout_s)

    async def __call__(self, body: bytes) -> httpx.Response:
        return await self._client.get().post(self.url, content=body, headers=JSON_HEADERS)

    async def close(self) -> None:
        await self._client.close()


class HttpEmbedder(ContainerEmbedder):
    """An `Embedder` at a plain URL.

    Args:
        url: The container's address.
        settings: Batch size and time limits.
    """

    def __init__(self, url: str, settings: EmbeddingSettings) -> None:
        super().__init__(settings, HttpExchange(url, settings.connect_timeout_s))


class HttpReranker(ContainerReranker):
    """A `Reranker` at a plain URL.

    Args:
        url: The container's address.
        settings: Limits.
    """

    def __init__(self, url: str, settings: RerankingSettings) -> None:
        super().__init__(settings, HttpExchange(url, settings.connect_timeout_s))
