"""Signature Version 4, against botocore's own signer and AWS's published example."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from footnote.platform.manifest import FunctionManifest
from local.aws.credentials import Keyring
from local.aws.errors import AwsError
from local.aws.signature import SignedRequest, authenticate
from local.stack import function_credentials

HOST = "127.0.0.1:4566"


class Config:
    """The one thing that credentials are derived from."""

    credential_key = "key"


@pytest.fixture(scope="module")
def keyring():
    manifest = FunctionManifest(name="one", kind="authorizer", description="", handler="h", layers=())
    return Keyring(Config(), [manifest])


def boto_credentials(name="one"):
    known = function_credentials(Config(), name)
    return BotoCredentials(known.access_key_id, known.secret_access_key, known.session_token)


def as_received(request):
    parts = urlsplit(request.url)
    headers = [(name.lower(), str(value)) for name, value in request.headers.items()]
    if not any(name == "host" for name, _ in headers):
        headers.append(("host", parts.netloc))
    return SignedRequest(request.method, parts.path or "/", parts.query, headers)


def signed(
    method="GET", path="/bucket/key", headers=None, signer=S3SigV4Auth, service="s3", data=b"", **options
):
    request = AWSRequest(method, f"http://{HOST}{path}", headers=dict(headers or {}), data=data)
    signer(boto_credentials(), service, "us-east-1", **options).add_auth(request)
    return request


@given(
    path=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
)
def test_any_key_is_verified_as_botocore_signs_it(path):
    from urllib.parse import quote

    keyring = Keyring(Config(), [])
    request = AWSRequest("GET", f"http://{HOST}/bucket/{quote(path, safe='/~')}?list-type=2&a=%20%2B")
    S3SigV4Auth(boto_credentials("operator"), "s3", "us-east-1").add_auth(request)
    assert authenticate(as_received(request), keyring).principal.name == "operator"


def test_a_presigned_address_is_verified(keyring):
    request = signed("PUT", headers={"content-type": "text/plain"}, signer=S3SigV4QueryAuth, expires=60)
    result = authenticate(as_received(request), keyring)
    assert (result.principal.name, result.presigned, result.payload) == ("one", True, "UNSIGNED-PAYLOAD")


def test_other_services_sign_the_body_and_the_path_twice(keyring):
    import hashlib

    request = signed(
        "POST", "/endpoints/a%20b/invocations", signer=SigV4Auth, service="sagemaker", data=b"body"
    )
    digest = hashlib.sha256(b"body").hexdigest()
    assert authenticate(as_received(request), keyring, body_hash=digest).service == "sagemaker"
    with pytest.raises(AwsError, match="does not match"):
        authenticate(as_received(request), keyring, body_hash=hashlib.sha256(b"other").hexdigest())


def changed(request, **changes):
    received = as_received(request)
    return SignedRequest(**{**received.__dict__, **changes})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "DELETE"}, "SignatureDoesNotMatch"),
        ({"path": "/bucket/other"}, "SignatureDoesNotMatch"),
        ({"query": "versionId=1"}, "SignatureDoesNotMatch"),
        ({"headers": []}, "AccessDenied"),
        ({"headers": [("authorization", "Basic x")]}, "AuthorizationHeaderMalformed"),
    ],
)
def test_what_was_changed_after_signing_is_refused(keyring, changes, code):
    with pytest.raises(AwsError) as caught:
        authenticate(changed(signed(), **changes), keyring)
    assert caught.value.code == code


def test_requests_out_of_time_are_refused(keyring):
    request = as_received(signed())
    for shift in (timedelta(minutes=16), timedelta(minutes=-16)):
        with pytest.raises(AwsError) as caught:
            authenticate(request, keyring, now=lambda shift=shift: datetime.now(UTC) + shift)
        assert caught.value.code == "RequestTimeTooSkewed"
    address = as_received(signed(signer=S3SigV4QueryAuth, expires=60))
    with pytest.raises(AwsError, match="expired"):
        authenticate(address, keyring, now=lambda: datetime.now(UTC) + timedelta(seconds=62))
    authenticate(address, keyring, now=lambda: datetime.now(UTC) + timedelta(seconds=58))
    week = as_received(signed(signer=S3SigV4QueryAuth, expires=8 * 24 * 3600))
    with pytest.raises(AwsError, match="less than a week"):
        authenticate(week, keyring)


def test_amazon_headers_must_be_signed(keyring):
    request = as_received(signed())
    request = SignedRequest(
        request.method, request.path, request.query, [*request.headers, ("x-amz-acl", "x")]
    )
    with pytest.raises(AwsError, match="not signed"):
        authenticate(request, keyring)
