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
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import EmbeddingSettings

SERVICE = "sagemaker"


class _Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


class SageMakerEmbedder(ContainerEmbedder):
    """An `Embedder` over a SageMaker endpoint.

    Args:
        settings: Endpoint name, batch size, time limits; `runtime_url` replaces SageMaker's own address.
        region: AWS region of the endpoint.
    """

    def __init__(self, settings: EmbeddingSettings, region: str) -> None:
        super().__init__(settings, self._invoke)
        base = settings.runtime_url or f"https://runtime.sagemaker.{region}.amazonaws.com"
        self._url = f"{base.rstrip('/')}/endpoints/{quote(settings.endpoint_name, safe='')}/invocations"
        self._region = region
        self._client = HttpClient(settings.connect_timeout_s)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def _invoke(self, body: bytes) -> httpx.Response:
        return await self._client.get().post(self._url, content=body, headers=self._sign(body))

    def _sign(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        signer: Any = SigV4Auth  # takes anything that has the three fields
        signer(_credentials(), SERVICE, self._region).add_auth(request)
        return dict(request.headers.items())


def _credentials() -> _Credentials:
    """The execution role's credentials, which Lambda puts into the environment.

    Raises:
        ModelUnavailable: There are none.
    """
    try:
        access_key, secret_key = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    except KeyError as error:
        raise ModelUnavailable("The embedding model cannot be called: no AWS credentials are set.") from error
    return _Credentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN"))
