"""Events as Server-Sent Events."""

import json
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from footnote.chat import Error, Restart, Token, Usage, server_sent_event
from footnote.platform.errors import NotFound


def parse(frame):
    """As a browser reads it: lines end at any line break of the standard."""
    assert frame.endswith(b"\n\n")
    lines = frame.decode().removesuffix("\n\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert len(lines) == 2
    assert lines[0].startswith("event: ")
    assert lines[1].startswith("data: ")
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


@given(st.text())
def test_any_text_comes_out_as_it_went_in(text):
    text = text.encode("utf-8", "replace").decode()
    assert parse(server_sent_event(Token(text))) == ("token", {"text": text})


def test_every_event_has_its_name_and_its_fields():
    tokens = {"input_tokens": 12, "output_tokens": 3, "cached_tokens": 4}
    assert parse(server_sent_event(Usage(12, 3, 4))) == ("usage", {**tokens, "cost": None})
    assert parse(server_sent_event(Restart("again"))) == ("restart", {"reason": "again"})


def test_an_error_of_the_tree_keeps_its_code_and_details():
    error = NotFound("There is no such chat session.", details={"session_id": str(UUID(int=1))})
    name, data = parse(server_sent_event(Error.of(error, "r-1")))
    assert name == "error"
    assert data == {
        "code": "NOT_FOUND",
        "message": "There is no such chat session.",
        "details": {"session_id": str(UUID(int=1))},
        "request_id": "r-1",
    }


def test_an_unknown_error_tells_nothing_of_itself():
    _, data = parse(server_sent_event(Error.of(KeyError("/srv/secret"), "r-1")))
    assert data["code"] == "INTERNAL_ERROR"
    assert "secret" not in str(data)
