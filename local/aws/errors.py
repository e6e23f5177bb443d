"""Errors as AWS's services report them: S3 in XML, the others in JSON."""

from __future__ import annotations

import json
from typing import ClassVar
from xml.sax.saxutils import escape

Headers = list[tuple[bytes, bytes]]


class AwsError(Exception):
    """An error of an AWS service.

    Args:
        code: AWS's name of it (`AccessDenied`).
        message: For people.
        status: HTTP status.
        fields: Further fields of the answer.
    """

    default_status: ClassVar[int] = 400

    def __init__(self, code: str, message: str, status: int | None = None, **fields: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or self.default_status
        self.fields = fields


def access_denied(message: str = "Access Denied") -> AwsError:
    """The caller is known and may not do this."""
    return AwsError("AccessDenied", message, 403)


def s3_error(error: AwsError, resource: str, request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of an S3 error."""
    fields = {"Code": error.code, "Message": error.message, **error.fields}
    fields |= {"Resource": resource, "RequestId": request_id, "HostId": "footnote"}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'
    return [(b"content-type", b"application/xml")], document.encode()


def json_error(error: AwsError, request_id: str) -> tuple[Headers, bytes]:
    """Headers and body of an error of a service that speaks JSON."""
    code = error.code if error.code.endswith(("Exception", "Error")) else f"{error.code}Exception"
    document = {"__type": code, "message": error.message, "Message": error.message, **error.fields}
    headers = [
        (b"content-type", b"application/x-amz-json-1.1"),
        (b"x-amzn-errortype", code.encode()),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    return headers, json.dumps(document).encode()
