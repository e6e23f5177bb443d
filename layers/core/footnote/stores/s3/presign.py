"""Presigned uploads by AWS's own signer, without the weight of an SDK client."""

from __future__ import annotations

from datetime import timedelta

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from footnote.knowledge.ports import UploadTicket
from footnote.platform.clock import Clock
from footnote.platform.settings import StorageSettings
from footnote.stores.s3.addresses import SERVICE, credentials, object_url


def presign_put(
    settings: StorageSettings, clock: Clock, key: str, content_type: str, content_length: int | None
) -> UploadTicket:
    """A URL that accepts one PUT of `key` with exactly the returned headers, until it expires.

    Args:
        settings: Bucket, region and life of the ticket.
        clock: The time from which the ticket's life counts.
        key: Object key.
        content_type: Signed: another type is refused.
        content_length: Signed if given: a body of another size is refused.
    """
    headers = {"content-type": content_type}
    if content_length is not None:
        headers["content-length"] = str(content_length)
    request = AWSRequest(method="PUT", url=object_url(settings, settings.bucket, key), headers=headers)
    lifetime_s = settings.upload_expires_s
    S3SigV4QueryAuth(credentials(), SERVICE, settings.region, expires=lifetime_s).add_auth(request)
    return UploadTicket("PUT", str(request.url), headers, clock.now() + timedelta(seconds=lifetime_s))
