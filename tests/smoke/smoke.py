"""`make smoke URL=...`: a deployed stage, tried as a member would.

Registers an account of its own, uploads a document, asks about it, checks that the answer cites it word for
word, asks about something that is not there, and deletes the document again. The account stays: there is no
way to delete one yet.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from local.client import ApiClient, ApiError, ApiUnreachable

_FACT = "The lighthouse of Marrow Point was built in 1887 and is 41 metres high."
_DOCUMENT = f"# Marrow Point\n\n{_FACT}\n\nIt has been kept by the Ferrand family ever since.\n"
_WAIT_S = 300.0
T = TypeVar("T")


class SmokeFailure(AssertionError):
    """Something that members rely on does not work; the message says what."""


def smoke(url: str, tell: Callable[[str], None] = print) -> None:
    """Runs every step.

    Raises:
        SmokeFailure: The stage answers, but wrongly.
        ApiError, ApiUnreachable: It does not answer.
    """
    with ApiClient(url) as client:
        _step(tell, "health", lambda: _healthy(client))
        _step(tell, "register", lambda: _sign_in(client))
        upload = _step(tell, "upload", lambda: client.upload(_DOCUMENT.encode(), "marrow-point.md"))
        document_id = str(upload)
        _step(tell, "read", lambda: _read(client, document_id))
        _step(tell, "answer", lambda: _answer(client, document_id))
        _step(tell, "refuse", lambda: _refuse(client))
        _step(tell, "delete", lambda: client.delete(document_id))
        _step(tell, "gone", lambda: _gone(client))


def _healthy(client: ApiClient) -> None:
    status = client.health()["status"]
    _expect(status == "healthy", f"the stage says of itself that it is {status}")


def _sign_in(client: ApiClient) -> None:
    email, password = f"smoke-{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(18)
    client.register(email, password)
    client.login(email, password)


def _read(client: ApiClient, document_id: str) -> None:
    document = client.wait([document_id], timeout_s=_WAIT_S)[document_id]
    _expect(document["status"] == "completed", f"the document is {document['status']}: {document}")


def _answer(client: ApiClient, document_id: str) -> None:
    answer = client.chat("How high is the lighthouse of Marrow Point?")
    _expect("41" in answer["answer"], f"the answer is wrong: {answer['answer']}")
    cited = [source for source in answer["sources"] if source["document_id"] == document_id]
    _expect(bool(cited), "the answer does not cite the document")
    quoted = [piece["text"] for source in cited for piece in source["evidence"]]
    _expect(any(text in _DOCUMENT for text in quoted), "the citation is not in the document word for word")


def _refuse(client: ApiClient) -> None:
    answer = client.chat("What is the boiling point of tungsten in kelvin?", cache=False)
    _expect(answer["metadata"]["abstained"], f"it answered what no document holds: {answer['answer']}")


def _gone(client: ApiClient) -> None:
    answer = client.chat("How high is the lighthouse of Marrow Point?", cache=False)
    _expect(not answer["sources"], "a deleted document is still cited")


def _step(tell: Callable[[str], None], name: str, work: Callable[[], T]) -> T:
    started = time.monotonic()
    result = work()
    tell(f"{name:10} {time.monotonic() - started:6.2f} s")
    return result


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SmokeFailure(otherwise)


def main() -> int:
    """The exit status: 0 if everything works."""
    if len(sys.argv) != 2:
        print("usage: make smoke URL=https://api.example.com")
        return 2
    try:
        smoke(sys.argv[1])
    except (SmokeFailure, ApiError, ApiUnreachable) as error:
        print(f"failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
