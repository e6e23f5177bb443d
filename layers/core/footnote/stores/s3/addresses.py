"""Where an object is, and who signs the request for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import quote

from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import StorageSettings

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

SERVICE = "s3"


class _Credentials(NamedTuple):
    """Stands for botocore's class, whose module is slow to import; the signers read these three fields."""

    access_key: str
    secret_key: str
    token: str | None


def credentials() -> ReadOnlyCredentials:
    """The execution role's credentials, which Lambda puts into the environment.

    Raises:
        ServiceUnavailable: There are none.
    """
    try:
        access_key, secret_key = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    except KeyError as error:
        raise ServiceUnavailable("The object store cannot be reached: no AWS credentials are set.") from error
    own = _Credentials(access_key, secret_key, os.environ.get("AWS_SESSION_TOKEN"))
    return cast("ReadOnlyCredentials", own)


def object_url(settings: StorageSettings, bucket: str, key: str) -> str:
    """The address of an object: in the bucket's own host on AWS, below the endpoint's path elsewhere."""
    path = quote(key, safe="/~")
    if settings.endpoint_url:
        return f"{settings.endpoint_url.rstrip('/')}/{bucket}/{path}"
    return f"https://{bucket}.s3.{settings.region}.amazonaws.com/{path}"
