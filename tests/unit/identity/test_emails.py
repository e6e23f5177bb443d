"""E-mail addresses as account names."""

import pytest

from footnote.identity.emails import normalize_email
from footnote.platform.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("you@example.com", "you@example.com"),
        ("  You.Name+tag@EXAMPLE.Com ", "you.name+tag@example.com"),
        ("ada@acme.test", "ada@acme.test"),
        ("jürgen@bücher.example.org", "jürgen@bücher.example.org"),
        ("ju\u0308rgen@b\u00fccher.example.org", "jürgen@bücher.example.org"),
        ("x@xn--bcher-kva.example.org", "x@bücher.example.org"),
    ],
)
def test_one_spelling_per_address(text, address):
    assert normalize_email(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "you",
        "you@",
        "@example.com",
        "you@@example.com",
        "a b@example.com",
        "a\x00@example.com",
        '"a"@example.com',
        "you@localhost",
        "you@example",
        "you@exa_mple.com",
        "you@[127.0.0.1]",
        "a" * 250 + "@example.com",
        "Name <you@example.com>",
        "you@example.com\nBcc: all@example.com",
    ],
)
def test_refuses(text):
    with pytest.raises(InvalidRequest):
        normalize_email(text)
