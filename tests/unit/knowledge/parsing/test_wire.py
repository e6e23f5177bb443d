"""What comes out of a parser process is not believed."""

import json

import pytest

from footnote.knowledge.models import Block, ParsedDocument
from footnote.knowledge.parsing.errors import KINDS, Broken, Encrypted, from_code
from footnote.knowledge.parsing.wire import ProtocolError, Request, decode_document, encode_document

DOCUMENT = ParsedDocument(
    text="Title\n\nText of it.\n\nMore – größer 😀",
    blocks=(
        Block(0, 5, "heading", 1, "Sheet", ()),
        Block(7, 18, "paragraph", 1, "Sheet", ("Title",)),
        Block(20, 35, "table_row", 2, None, ("Title", "Sub")),
    ),
    title="Title",
    language="en",
    unit_kind="sheet",
    units_total=3,
    units_read=2,
    warnings=("Something was left out.",),
    removed_characters=4,
)


def test_a_document_comes_back_as_it_went():
    assert decode_document(encode_document(DOCUMENT)) == DOCUMENT


def changed(**fields):
    return json.dumps({**json.loads(encode_document(DOCUMENT)), **fields}).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "short"},
        {"text": 7},
        {"text": "with \0 in it" + "x" * 40},
        {"text": "half \ud800" + "x" * 40},
        {"blocks": []},
        {"blocks": [[5, 3, "paragraph", None, 0, 1]]},
        {"blocks": [[0, 9, "paragraph", None, 0, 1], [4, 12, "paragraph", None, 0, 1]]},
        {"blocks": [[0, 9, "script", None, 0, 1]]},
        {"blocks": [[0, 9, "paragraph", "one", 0, 1]]},
        {"blocks": [[0, 9, "paragraph", None, 0, 99]]},
        {"blocks": [[0, 9]]},
        {"names": ["Sheet", ["a\0b"]]},
        {"unit_kind": "planet"},
        {"title": None},
        {"units_total": "many"},
        {"warnings": [1]},
    ],
    ids=str,
)
def test_a_broken_promise_is_found(fields):
    with pytest.raises(ProtocolError):
        decode_document(changed(**fields))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"{", b"[" * 100_000])
def test_rubbish_is_found(data):
    with pytest.raises(ProtocolError):
        decode_document(data)


def test_requests():
    request = Request("a.pdf", "pdf", {"max_pages": 3})
    assert Request.decode(request.encode()) == request


def test_errors_travel_by_code():
    assert isinstance(from_code("encrypted", "why"), Encrypted)
    assert isinstance(from_code("no such code", "why"), Broken)
    assert len({kind.code for kind in KINDS.values()}) == len(KINDS)
