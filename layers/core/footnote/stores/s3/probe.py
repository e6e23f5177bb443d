"""Whether the document bucket answers."""

from __future__ import annotations

import os

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import StorageSettings

_KEY = "health-probe"


class StorageProbe:
    """Asks for an object that does not exist, signed as the function's own role.

    Args:
        settings: The bucket and where it is.
    """

    def __init__(self, settings: StorageSettings) -> None:
        base = settings.endpoint_url or f"https://s3.{settings.region}.amazonaws.com"
        self._url = f"{base.rstrip('/')}/{settings.bucket}/{_KEY}"
        self._region = settings.region
        self._client = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

    async def ping(self) -> None:
        """Returns if the bucket is there and S3 answers for it.

        "Access denied" is S3's answer for a missing object to a role that may not list the bucket.

        Raises:
            ServiceUnavailable: S3 answered otherwise, or not at all.
        """
        try:
            response = await self._client.get(self._url, headers=self._signed_headers())
        except httpx.HTTPError as error:
            raise ServiceUnavailable("The document bucket does not answer.") from error
        is_missing_object = response.status_code == 404 and "NoSuchKey" in response.text
        if not (is_missing_object or response.status_code in {200, 403}):
            raise ServiceUnavailable("The document bucket cannot be read.")

    def _signed_headers(self) -> dict[str, str]:
        credentials = Credentials(
            os.environ.get("AWS_ACCESS_KEY_ID", ""),
            os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
            os.environ.get("AWS_SESSION_TOKEN"),
        )
        request = AWSRequest(method="GET", url=self._url)
        S3SigV4Auth(credentials, "s3", self._region).add_auth(request)
        return dict(request.headers.items())
