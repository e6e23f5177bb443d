"""Stands in for the AWS Lambda Web Adapter: runs a web server as a Lambda function.

https://github.com/awslabs/aws-lambda-web-adapter. It starts the function's start command (`_HANDLER`), waits
until the server is ready, then hands each event to it as an HTTP request and posts its answer back as a
stream: `application/vnd.awslambda.http-integration-response` is a JSON prelude with status and headers, eight
NUL bytes, and the body as it is produced. The same variables configure it: `AWS_LWA_PORT`,
`AWS_LWA_READINESS_CHECK_PATH`. Runs by itself in an environment without packages: standard library only.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

HOST = "127.0.0.1"
RUNTIME = "/2018-06-01/runtime/"
CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
SEPARATOR = b"\0" * 8
CHUNK = 65_536
# https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1, and what the adapter itself sets.
_NOT_FORWARDED = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "te",
     "trailer", "transfer-encoding", "upgrade", "x-amzn-lambda-context", "x-amzn-request-context"}
)  # fmt: skip
_NOT_RETURNED = frozenset({"connection", "keep-alive", "trailer", "transfer-encoding", "upgrade"})
_POLL_S = 0.01


class ServerFailed(Exception):
    """The web server did not come up."""


class Server:
    """The function's web server.

    Args:
        command: The start command, a shell script.
        port: Where it is told to listen (`PORT`).
        readiness_path: Asked until it answers below 500.
    """

    def __init__(self, command: str, port: int, readiness_path: str) -> None:
        self._command = command
        self.port = port
        self._readiness_path = readiness_path
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the command and waits until it serves.

        Raises:
            ServerFailed: It ended.
        """
        # preexec_fn is safe here: this process has one thread.
        self._process = subprocess.Popen(["/bin/sh", self._command], preexec_fn=_die_with_parent)  # noqa: PLW1509
        while not self._is_ready():
            if self._process.poll() is not None:
                raise ServerFailed(f"{self._command} ended with status {self._process.returncode}")
            time.sleep(_POLL_S)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def settle(self) -> None:
        """After it broke off: waits until it serves again or has ended.

        A process that ends closes its connections first; what is sent to it in between is lost.
        """
        while self.running and not self._is_ready():
            time.sleep(_POLL_S)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1.0)
        try:
            connection.request("GET", self._readiness_path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _die_with_parent() -> None:
    """Asks the kernel to end this process when the adapter ends (PR_SET_PDEATHSIG, Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def request_target(event: dict[str, Any]) -> str:
    """Path and query of an API Gateway proxy event, encoded again (API Gateway decodes both)."""
    query = event.get("multiValueQueryStringParameters") or {}
    pairs = [
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, values in query.items()
        for value in values
    ]
    path = quote(event.get("path") or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def request_headers(event: dict[str, Any], context: dict[str, Any]) -> list[tuple[str, str]]:
    """The request's headers, with the two that only the adapter may set."""
    headers = [
        (name, value)
        for name, values in (event.get("multiValueHeaders") or {}).items()
        if name.lower() not in _NOT_FORWARDED
        for value in values
    ]
    headers.append(("x-amzn-request-context", json.dumps(event.get("requestContext") or {})))
    headers.append(("x-amzn-lambda-context", json.dumps(context)))
    return headers


def request_body(event: dict[str, Any]) -> bytes:
    """The request's body as the client sent it."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def prelude(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """What stands before the body in a streamed answer."""
    multiple: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() not in _NOT_RETURNED:
            multiple.setdefault(name.lower(), []).append(value)
    cookies = multiple.pop("set-cookie", [])
    single = {name: values[0] for name, values in multiple.items() if len(values) == 1}
    many = {name: values for name, values in multiple.items() if len(values) > 1}
    document: dict[str, Any] = {"statusCode": status, "headers": single, "cookies": cookies}
    if many:
        document["multiValueHeaders"] = many
    return json.dumps(document).encode() + SEPARATOR


class Adapter:
    """Carries events from the Runtime API to the web server and its answers back.

    Args:
        runtime_api: Host and port of the Runtime API.
        server: The web server; started.
    """

    def __init__(self, runtime_api: str, server: Server) -> None:
        self._runtime_api = runtime_api
        self._server = server
        self._runtime = http.client.HTTPConnection(runtime_api)
        self._backend = http.client.HTTPConnection(HOST, server.port)

    def run(self) -> None:
        """Serves events until the web server ends."""
        while self._server.running:
            event, context = self._next()
            if not self._serve(event, context):
                self._server.settle()

    def _next(self) -> tuple[dict[str, Any], dict[str, Any]]:
        self._runtime.request("GET", f"{RUNTIME}invocation/next")
        response = self._runtime.getresponse()
        event = json.loads(response.read())
        trace_id = response.headers["Lambda-Runtime-Trace-Id"] or ""
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
        context = {
            "request_id": response.headers["Lambda-Runtime-Aws-Request-Id"],
            "deadline": int(response.headers["Lambda-Runtime-Deadline-Ms"]),
            "invoked_function_arn": response.headers["Lambda-Runtime-Invoked-Function-Arn"],
            "xray_trace_id": trace_id,
            "env_config": {
                "function_name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
                "memory": int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
                "version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
                "log_group": os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
                "log_stream": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
            },
        }
        return event, context

    def _serve(self, event: dict[str, Any], context: dict[str, Any]) -> bool:
        """Whether the web server answered to the end."""
        runtime = self._runtime
        path = f"{RUNTIME}invocation/{context['request_id']}"
        try:
            response = self._forward(event, context)
        except (OSError, http.client.HTTPException) as error:
            self._backend.close()
            report_error(runtime, f"{path}/error", type(error).__name__, str(error))
            return False
        runtime.putrequest("POST", f"{path}/response")
        runtime.putheader("Content-Type", CONTENT_TYPE)
        runtime.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        runtime.putheader("Transfer-Encoding", "chunked")
        runtime.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
        runtime.endheaders()
        _send_chunk(runtime, prelude(response.status, response.getheaders()))
        error_type = self._relay(response)
        trailers = f"Lambda-Runtime-Function-Error-Type: {error_type}\r\n" if error_type else ""
        runtime.send(f"0\r\n{trailers}\r\n".encode())
        runtime.getresponse().read()
        return not error_type

    def _forward(self, event: dict[str, Any], context: dict[str, Any]) -> http.client.HTTPResponse:
        """Sends the request; once more on a new connection if the server had closed the kept one."""
        method, target = event.get("httpMethod") or "GET", request_target(event)
        headers = request_headers(event, context)
        has_host = any(name.lower() == "host" for name, _ in headers)
        body = request_body(event)
        for attempt in (1, 2):
            try:
                self._backend.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
                for name, value in headers:
                    self._backend.putheader(name, value.encode("latin-1", errors="replace"))
                if body or method not in ("GET", "HEAD", "DELETE"):
                    self._backend.putheader("Content-Length", str(len(body)))
                self._backend.endheaders(body or None)
                return self._backend.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._backend.close()
                if attempt == 2 or not self._server.running:
                    raise
        raise AssertionError("unreachable")

    def _relay(self, response: http.client.HTTPResponse) -> str:
        """Passes the body on as it comes; the error's type where the server broke off, else nothing."""
        try:
            while chunk := response.read1(CHUNK):
                _send_chunk(self._runtime, chunk)
        except (OSError, http.client.HTTPException) as error:
            self._backend.close()
            return f"Extension.{type(error).__name__}"
        if response.length:  # fewer bytes than announced
            self._backend.close()
            return "Extension.IncompleteRead"
        # `read1` does not close a response whose announced length is read, and the kept connection refuses
        # the next one until it is.
        response.close()
        return ""


def _send_chunk(connection: http.client.HTTPConnection, chunk: bytes) -> None:
    connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))


def report_error(connection: http.client.HTTPConnection, path: str, error_type: str, message: str) -> None:
    """Posts an error document to the Runtime API."""
    document = {"errorType": error_type, "errorMessage": message, "stackTrace": []}
    headers = {"Lambda-Runtime-Function-Error-Type": error_type, "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(document), headers)
    connection.getresponse().read()


def main() -> int:
    """Runs the function named by the environment; the process's exit status."""
    environment = os.environ
    port = int(environment.get("AWS_LWA_PORT") or environment.get("PORT") or 8080)
    server = Server(environment["_HANDLER"], port, environment.get("AWS_LWA_READINESS_CHECK_PATH", "/"))
    runtime_api = environment["AWS_LAMBDA_RUNTIME_API"]
    try:
        server.start()
    except ServerFailed as error:
        runtime = http.client.HTTPConnection(runtime_api)
        report_error(runtime, f"{RUNTIME}init/error", "Extension.ServerFailed", str(error))
        return 1
    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        Adapter(runtime_api, server).run()
    return 1


if __name__ == "__main__":
    sys.exit(main())
