"""The AWS endpoint that functions and browsers see: what moto lacks is done here, the rest is relayed to it.

Every request must be signed by a known caller, rightly and in time, and granted by the caller's
`function.toml`; what would fail in the cloud fails here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import AsyncIterator
from urllib.parse import unquote

from local.aws.credentials import Keyring, Principal
from local.aws.errors import AwsError, json_error, s3_error
from local.aws.http_types import Answer, FileRange, Headers, S3Request
from local.aws.moto import Moto
from local.aws.s3 import S3Service
from local.aws.sagemaker import BODY_LIMIT_BYTES, INVOCATIONS, SageMakerRuntime
from local.aws.ses import OUTBOUND, SesService
from local.aws.signature import Authentication, SignedRequest, authenticate
from local.aws.sqs import SqsService
from local.http.asgi import BodyTooLarge, ClientLeft, Receive, Scope, Send, body_chunks, read_body

_CHUNK_BYTES = 256 * 1024
_IDENTITY_CALLS = frozenset({"sts"})

logger = logging.getLogger("footnote.local.edge")


class AwsEdge:
    """The ASGI application of the AWS endpoint.

    Args:
        keyring: Who may call.
        buckets: The buckets that the journal keeps; other buckets are moto's.
        s3: Their object operations.
        sqs: The stack's queues.
        sagemaker: The model endpoints.
        ses: Mail.
        moto: Everything else.
    """

    def __init__(
        self,
        keyring: Keyring,
        buckets: frozenset[str],
        *,
        s3: S3Service,
        sqs: SqsService,
        sagemaker: SageMakerRuntime,
        ses: SesService,
        moto: Moto,
    ) -> None:
        self._keyring = keyring
        self._buckets = buckets
        self._s3 = s3
        self._sqs = sqs
        self._sagemaker = sagemaker
        self._ses = ses
        self._moto = moto

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _signed_request(scope)
        request_id = secrets.token_hex(8).upper()
        speaks_xml = _speaks_xml(request)
        try:
            answer = await self._answer(scope, request, receive)
        except AwsError as error:
            render = (
                s3_error(error, unquote(request.path), request_id)
                if speaks_xml
                else json_error(error, request_id)
            )
            answer = Answer(error.status, *render)
        except BodyTooLarge:
            answer = Answer(413)
        except ClientLeft:
            return
        except Exception:
            logger.exception("the AWS edge failed at %s", request.method)
            internal = AwsError("InternalError", "We encountered an internal error. Please try again.", 500)
            answer = Answer(500, *s3_error(internal, unquote(request.path), request_id))
        await _send(send, answer, request.method, request_id)

    async def _answer(self, scope: Scope, request: SignedRequest, receive: Receive) -> Answer:
        if _speaks_xml(request):
            authentication = authenticate(request, self._keyring)
            s3_request = _s3_request(scope, request, authentication, body_chunks(receive))
            if s3_request.bucket in self._buckets and self._s3.handles(s3_request):
                return await self._s3.serve(s3_request)
            authentication.principal.require_operator("this operation of S3")
            return await self._relay(scope, request, await read_body(receive, BODY_LIMIT_BYTES))
        body = await read_body(receive, BODY_LIMIT_BYTES)
        digest = hashlib.sha256(body).hexdigest()
        authentication = authenticate(request, self._keyring, body_hash=digest)
        return await self._serve_json(scope, request, authentication, body)

    async def _serve_json(
        self, scope: Scope, request: SignedRequest, authentication: Authentication, body: bytes
    ) -> Answer:
        principal, service = authentication.principal, authentication.service
        endpoint = INVOCATIONS.fullmatch(request.path)
        if service == "sagemaker" and endpoint is not None:
            headers = dict(request.headers)
            return await self._sagemaker.invoke(principal, endpoint[1], headers, body)
        target = request.header("x-amz-target") or ""
        parameters = _json_object(body) if target else {}
        if target == "AmazonSQS.ListQueues":
            principal.require_operator(target)
            return self._sqs.list_queues(parameters)
        if service == "sqs" and (queue := self._sqs.queue_of(target, parameters)) is not None:
            principal.require_queue(queue, target.removeprefix("AmazonSQS."))
            return await self._sqs.serve(target, queue, parameters)
        if service == "ses" and request.path == OUTBOUND:
            principal.require_mail()
            return await self._ses.send(_json_object(body))
        self._check_relayed(principal, service, target, parameters)
        return await self._relay(scope, request, body)

    @staticmethod
    def _check_relayed(
        principal: Principal, service: str, target: str, parameters: dict[str, object]
    ) -> None:
        """Checks what moto is to answer: functions read their secrets and ask who they are, no more.

        Raises:
            AwsError: Not granted.
        """
        if target == "secretsmanager.GetSecretValue":
            principal.require_secret(str(parameters.get("SecretId")))
        elif service not in _IDENTITY_CALLS:
            principal.require_operator(target or service)

    async def _relay(self, scope: Scope, request: SignedRequest, body: bytes) -> Answer:
        target = request.path + (f"?{request.query}" if request.query else "")
        return await self._moto.relay(request.method, target, list(scope["headers"]), body)


def _speaks_xml(request: SignedRequest) -> bool:
    """Whether a request is one to S3: by the scope of its signature, which is checked later."""
    authorization = request.header("authorization")
    if authorization is not None:
        return "/s3/aws4_request" in authorization
    return not request.path.startswith("/endpoints/") and request.header("x-amz-target") is None


def _signed_request(scope: Scope) -> SignedRequest:
    return SignedRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
    )


def _s3_request(
    scope: Scope, request: SignedRequest, authentication: Authentication, chunks: AsyncIterator[bytes]
) -> S3Request:
    bucket, _, key = unquote(request.path).lstrip("/").partition("/")
    client = scope.get("client") or ("127.0.0.1", 0)
    return S3Request(request, authentication, bucket, key, chunks, client[0])


def _json_object(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AwsError("SerializationException", "The body is not a JSON object.")
    return document


async def _send(send: Send, answer: Answer, method: str, request_id: str) -> None:
    size = answer.body.end - answer.body.start if isinstance(answer.body, FileRange) else len(answer.body)
    headers: Headers = [
        *answer.headers,
        (b"x-amz-request-id", request_id.encode()),
        (b"x-amz-id-2", b"footnote"),
    ]
    if answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % size))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if method == "HEAD" or not size:
        await send({"type": "http.response.body", "body": b""})
    elif isinstance(answer.body, FileRange):
        await _send_file(send, answer.body)
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def _send_file(send: Send, part: FileRange) -> None:
    """Sends part of a file; small reads from the page cache are not worth a thread each."""
    with part.path.open("rb") as file:
        file.seek(part.start)
        remaining = part.end - part.start
        while remaining > 0 and (chunk := file.read(min(_CHUNK_BYTES, remaining))):
            remaining -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": remaining > 0})
