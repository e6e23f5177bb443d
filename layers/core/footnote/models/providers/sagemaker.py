"""SageMaker's InvokeEndpoint over HTTP, signed by AWS's own signer, without the weight of an SDK client.

`botocore.auth` alone takes a few hundredths of a second to import; a boto3 client takes ten times that.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from footnote.models.providers.client import HttpClient
from footnote.models.providers.container import ContainerEmbedder
from footnote.models.providers.reranking import ContainerReranker
from footnote.platform.clock import Clock
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import EmbeddingSettings, RerankingSettings

SERVICE = "sagemaker"


class _Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


class SageMakerExchange:
    """Invokes one endpoint.

    Args:
        endpoint_name: Its name.
        region: Its AWS region.
        runtime_url: Replaces SageMaker's own address.
        connect_timeout_s: Time limit of opening a connection.
    """

    def __init__(
        self, endpoint_name: str, region: str, *, runtime_url: str | None, connect_timeout_s: float
    ) -> None:
        base = runtime_url or f"https://runtime.sagemaker.{region}.amazonaws.com"
        self.url = f"{base.rstrip('/')}/endpoints/{quote(endpoint_name, safe='')}/invocations"
        self._region = region
        self._client = HttpClient(connect_timeout_s)

    async def __call__(self, body: bytes) -> httpx.Response:
        """One signed request.

        Raises:
            ModelUnavailable: There are no credentials to sign with.
            httpx.HTTPError: The transport failed.
        """
        return await self._client.get().post(self.url, content=body, headers=self._sign(body))

    async def close(self) -> None:
        await self._client.close()

    def _sign(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = AWSRequest(method="POST", url=self.url, data=body, headers=headers)
        signer: Any = SigV4Auth  # takes anything that has the three fields
        signer(_credentials(), SERVICE, self._region).add_auth(request)
        return dict(request.headers.items())


class SageMakerEmbedder(ContainerEmbedder):
    """An `Embedder` over a SageMaker endpoint.

    Args:
        settings: Endpoint name, batch size, time limits; `runtime_url` replaces SageMaker's own address.
        region: AWS region of the endpoint.
    """

    def __init__(self, settings: EmbeddingSettings, region: str) -> None:
        super().__init__(settings, _exchange(settings, region))


class SageMakerReranker(ContainerReranker):
    """A `Reranker` over a SageMaker endpoint.

    Args:
        settings: Endpoint name and limits; `runtime_url` replaces SageMaker's own address.
        region: AWS region of the endpoint.
        clock: Time of the breaker.
    """

    def __init__(self, settings: RerankingSettings, region: str, clock: Clock | None = None) -> None:
        super().__init__(settings, _exchange(settings, region), clock)


def _exchange(settings: EmbeddingSettings | RerankingSettings, region: str) -> SageMakerExchange:
    return SageMakerExchange(
        settings.endpoint_name,
        region,
        runtime_url=settings.runtime_url,
        connect_timeout_s=settings.connect_timeout_s,
    )


def _credentials() -> _Credentials:
    """The execution role's credentials, which Lambda puts into the environment.

    Raises:
        ModelUnavailable: There are none.
    """
    try:
        access_key, secret_key = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    except KeyError as error:
        raise ModelUnavailable("The model endpoint cannot be called: no AWS credentials are set.") from error
    return _Credentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN"))
