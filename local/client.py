"""A small typed client of the public API, for the `footnote` command, the samples and the evaluation."""

from __future__ import annotations

import hashlib
import mimetypes
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

Json = dict[str, Any]

TERMINAL = frozenset({"completed", "failed", "quarantined", "duplicate"})
"""Document statuses that do not change any more."""

_FIRST_POLL_S = 0.1
_LONGEST_POLL_S = 1.0
_RETRIES = 5
_BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
_LONGEST_RETRY_S = 5.0


class ApiError(RuntimeError):
    """The API refused; carries the error body of section 7.

    Attributes:
        status: HTTP status.
        code: The stable error code.
        request_id: To quote when asking for help.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id


class ApiUnreachable(RuntimeError):
    """The API, or storage, cannot be reached or broke off; the message says how."""


class ApiClient:
    """One signed-in user of the API. Safe to share between threads after `login`.

    Every call raises `ApiError` when it is refused and `ApiUnreachable` when nobody answers.

    Args:
        base_url: Address of the API.
        timeout_s: Limit of one call; API Gateway's is 29 s.
    """

    def __init__(self, base_url: str, timeout_s: float = 60.0) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False)
        self._storage = httpx.Client(timeout=httpx.Timeout(timeout_s, write=None), trust_env=False)
        self._token = ""
        self._account: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()
        self._storage.close()

    def register(self, email: str, password: str) -> Json:
        """Makes an account with a personal organization."""
        return self._call("POST", "/auth/register", json={"email": email, "password": password}, signed=False)

    def login(self, email: str, password: str) -> None:
        """Signs in; further calls act as this user, and sign in again when the token has run out."""
        answer = self._call("POST", "/auth/login", json={"email": email, "password": password}, signed=False)
        self._account = (email, password)
        self._token = answer["access_token"]

    @property
    def token(self) -> str:
        """The access token of the signed-in user."""
        return self._token

    @property
    def account(self) -> tuple[str, str]:
        """E-mail and password of the signed-in user.

        Raises:
            RuntimeError: Nobody is signed in.
        """
        if self._account is None:
            raise RuntimeError("sign in first")
        return self._account

    def me(self) -> Json:
        """The signed-in user."""
        return self._call("GET", "/users/me")

    def upload(
        self,
        content: Path | bytes,
        filename: str | None = None,
        *,
        title: str | None = None,
        category: str | None = None,
        tags: Iterable[str] = (),
        content_type: str | None = None,
    ) -> str:
        """Uploads one document and returns its id; ingestion goes on in the background.

        Bytes that the organization has already are not sent again: the id is that of the known document.

        Args:
            content: A file, or the bytes themselves (then `filename` is needed).
            filename: Name under which the document is kept.
            title: Shown instead of the title found in the document.
            category: To filter by.
            tags: To filter by.
            content_type: Guessed from the file name if not given.
        """
        name = filename or (content.name if isinstance(content, Path) else None)
        if name is None:
            raise ValueError("bytes need a file name")
        digest, size = _digest(content)
        body = {
            "filename": name,
            "title": title,
            "category": category,
            "tags": list(tags) or None,
            "content_type": content_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
            "sha256": digest,
            "size_bytes": size or None,  # an empty file is announced too, and refused with its reason
        }
        answer = self._call(
            "POST", "/documents", json={key: value for key, value in body.items() if value is not None}
        )
        if answer["upload"] is not None:
            self._put(answer["upload"], content, size)
        return str(answer["document"]["id"])

    def document(self, document_id: str) -> Json:
        """One document: status, stage, pages read, chunks, why it failed."""
        return self._call("GET", f"/documents/{document_id}")

    def documents(self, **query: Any) -> Json:
        """One page of the organization's documents."""
        return self._call("GET", "/documents", params=query)

    def delete(self, document_id: str) -> None:
        """Deletes a document; it is invisible at once."""
        self._call("DELETE", f"/documents/{document_id}")

    def wait(
        self,
        document_ids: Iterable[str],
        timeout_s: float = 600.0,
        on_change: Callable[[Json], None] = lambda _: None,
    ) -> dict[str, Json]:
        """Waits until each document is in a terminal state.

        Args:
            document_ids: The documents.
            timeout_s: For all of them together.
            on_change: Called with a document whenever its status or stage is new.

        Returns:
            The documents by id.

        Raises:
            TimeoutError: Some are still not done; the message says how many.
        """
        waiting = list(dict.fromkeys(document_ids))
        documents: dict[str, Json] = {}
        deadline = time.monotonic() + timeout_s
        pause = _FIRST_POLL_S
        while waiting:
            for document_id in waiting:
                document = self.document(document_id)
                if _state(document) != _state(documents.get(document_id)):
                    on_change(document)
                documents[document_id] = document
            waiting = [one for one in waiting if documents[one]["status"] not in TERMINAL]
            if waiting and time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} documents are not done after {timeout_s:.0f} s")
            if waiting:
                time.sleep(pause)
                pause = min(1.5 * pause, _LONGEST_POLL_S)
        return documents

    def search(self, query: str, **options: Any) -> Json:
        """`POST /search`; options are further fields of the body."""
        return self._call("POST", "/search", json={"query": query, **options})

    def chat(self, message: str, session_id: str | None = None, **options: Any) -> Json:
        """`POST /chat`, buffered; options are further fields of the body."""
        body = {"message": message, **options}
        if session_id is not None:
            body["session_id"] = session_id
        return self._call("POST", "/chat", json=body)

    def explain_answer(self, message_id: str) -> Json:
        """How an answer came about, and whether it still holds."""
        return self._call("GET", f"/chat/messages/{message_id}/explain")

    def explain_search(self, query: str, document_id: str, **options: Any) -> Json:
        """Why a search did, or did not, find a document; options are further fields of the body."""
        body = {"query": query, "document_id": document_id, **options}
        return self._call("POST", "/search/explain", json=body)

    def page(self, method: str, path: str, body: Json | None = None) -> str:
        """What the API tells, as a page for a person: HTML."""
        return self._answer(method, path, json=body, params={"format": "html"}).text

    def sessions(self, **query: Any) -> Json:
        """One page of the user's conversations, newest first."""
        return self._call("GET", "/chat/sessions", params=query)

    def messages(self, session_id: str, **query: Any) -> Json:
        """One page of a conversation, as it was answered, oldest first."""
        return self._call("GET", f"/chat/sessions/{session_id}/messages", params=query)

    def delete_session(self, session_id: str) -> None:
        """Deletes a conversation."""
        self._call("DELETE", f"/chat/sessions/{session_id}")

    def health(self) -> Json:
        """`GET /health`."""
        return self._call("GET", "/health", signed=False)

    def _call(self, method: str, path: str, *, signed: bool = True, **arguments: Any) -> Json:
        response = self._answer(method, path, signed=signed, **arguments)
        return dict(response.json()) if response.content else {}

    def _answer(self, method: str, path: str, *, signed: bool = True, **arguments: Any) -> httpx.Response:
        response = self._send(method, path, signed, arguments)
        if response.status_code == httpx.codes.UNAUTHORIZED and signed and self._account is not None:
            self.login(*self._account)
            response = self._send(method, path, signed, arguments)
        if response.is_error:
            raise _error(response)
        return response

    def _send(self, method: str, path: str, signed: bool, arguments: dict[str, Any]) -> httpx.Response:
        """One call; made again when it is refused because of load and a short wait helps (429, 503)."""
        for attempt in range(_RETRIES):
            headers = {"Authorization": f"Bearer {self._token}"} if signed and self._token else {}
            with _reaching(self._http.base_url.host):
                response = self._http.request(method, path, headers=headers, **arguments)
            pause = float(response.headers.get("Retry-After", 0.2 * 2**attempt))
            if response.status_code not in _BUSY or pause > _LONGEST_RETRY_S:
                break
            time.sleep(pause)
        return response

    def _put(self, upload: Json, content: Path | bytes, size: int) -> None:
        headers = {**upload["headers"], "Content-Length": str(size)}
        with _body(content) as body, _reaching("storage"):
            response = self._storage.request(upload["method"], upload["url"], content=body, headers=headers)
        if response.is_error:
            raise ApiError(
                response.status_code, "UPLOAD_REFUSED", f"storage refused the upload: {response.text[:500]}"
            )


@contextmanager
def _reaching(server: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise ApiUnreachable(f"{server} did not answer: {str(error) or type(error).__name__}") from error


@contextmanager
def _body(content: Path | bytes) -> Iterator[bytes | BinaryIO]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as stream:
        yield stream


def _digest(content: Path | bytes) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest(), len(content)
    with content.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return digest, stream.tell()


def _state(document: Json | None) -> tuple[Any, Any] | None:
    return None if document is None else (document["status"], document["stage"])


def _error(response: httpx.Response) -> ApiError:
    try:
        body = response.json()
        message, code, request_id = body["message"], body.get("code", ""), body.get("request_id", "")
    except (ValueError, KeyError, TypeError):
        message, code, request_id = response.text[:500] or response.reason_phrase, "", ""
    return ApiError(response.status_code, code, message, request_id)
