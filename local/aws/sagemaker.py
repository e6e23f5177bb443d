"""SageMaker's `InvokeEndpoint` in front of the model containers, with SageMaker's errors.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from local.aws.credentials import Principal
from local.aws.errors import AwsError
from local.aws.http_types import Answer
from local.http import HttpClient, HttpError
from local.stack import ACCOUNT_ID

INVOCATIONS = re.compile(r"/endpoints/([A-Za-z0-9][A-Za-z0-9-]{0,62})/invocations")
BODY_LIMIT_BYTES = 25 * 1024 * 1024
_TIMEOUT_S = 60.0
_VARIANT = b"AllTraffic"


class SageMakerRuntime:
    """Invokes the model containers.

    Args:
        endpoints: A client of the container behind each endpoint, by the endpoint's name.
    """

    def __init__(self, endpoints: Mapping[str, HttpClient]) -> None:
        self._endpoints = endpoints

    async def invoke(
        self, principal: Principal, endpoint: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        """Runs one inference.

        Raises:
            AwsError: Not granted, no such endpoint, or the model failed.
        """
        principal.require_endpoint(endpoint)
        container = self._endpoints.get(endpoint)
        if container is None:
            message = f"Endpoint {endpoint} of account {ACCOUNT_ID} not found."
            raise AwsError("ValidationError", message, 400)
        passed = [
            (name.encode(), headers[name].encode("latin-1"))
            for name in ("content-type", "accept")
            if name in headers
        ]
        try:
            response = await container.request(
                "POST", "/invocations", headers=passed, body=body, timeout_s=_TIMEOUT_S
            )
        except TimeoutError:
            raise _model_error(0, f"did not respond within {_TIMEOUT_S:.0f} seconds") from None
        except HttpError:
            raise AwsError("ServiceUnavailable", "The model's container does not answer.", 503) from None
        if response.status >= 400:
            raise _model_error(response.status, response.body.decode(errors="replace")[:4096])
        content_type = response.header(b"content-type") or b"application/json"
        answered = [(b"content-type", content_type), (b"x-amzn-invoked-production-variant", _VARIANT)]
        return Answer(200, answered, response.body)


def _model_error(status: int, original: str) -> AwsError:
    message = f'Received client error ({status}) from primary with message "{original}".'
    fields = {"OriginalMessage": original, "OriginalStatusCode": str(status), "LogStreamArn": ""}
    return AwsError("ModelError", message, 424, **fields)
