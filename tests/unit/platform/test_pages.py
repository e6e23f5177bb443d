"""Pages: nothing that is not markup becomes markup, and nothing is asked for from anywhere."""

import base64
import hashlib
import re

import pytest
from starlette.requests import Request

from footnote.platform.pages import (
    Markup,
    bars,
    definitions,
    join,
    link,
    marked,
    page,
    page_response,
    paragraph,
    table,
    tag,
    wants_page,
)

HOSTILE = "<script>alert(1)</script>&\"'"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;"


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", HOSTILE, tag("b", "x")) == f"<p>{ESCAPED}<b>x</b></p>"
    assert tag("p", HOSTILE + "x") == f"<p>{ESCAPED}x</p>"


def test_markup_put_together_with_text_is_text_again():
    assert type(tag("b", "x") + HOSTILE) is str
    assert tag("p", tag("b", "x") + HOSTILE) == f"<p>&lt;b&gt;x&lt;/b&gt;{ESCAPED}</p>"
    assert join([HOSTILE, Markup("<br>")], "<hr>") == f"{ESCAPED}&lt;hr&gt;<br>"


def test_attributes_are_escaped_or_left_out():
    assert tag("a", "x", href='"><script>', class_=None, aria_label="a") == (
        '<a href="&quot;&gt;&lt;script&gt;" aria-label="a">x</a>'
    )
    assert tag("rect", width="3") == '<rect width="3"></rect>'


@pytest.mark.parametrize("name", ["onclick", "onload", "a b", "x>"])
def test_handlers_and_malformed_names_are_no_attributes(name):
    with pytest.raises(ValueError, match="not an attribute"):
        tag("p", **{name: "alert(1)"})
    with pytest.raises(ValueError, match="not an element"):
        tag("p><script")


@pytest.mark.parametrize(
    "target", ["https://evil.example", "javascript:alert(1)", "//evil.example", "data:,"]
)
def test_links_lead_nowhere_else(target):
    with pytest.raises(ValueError, match="this site"):
        link("x", target)


def test_characters_that_reorder_text_are_shown_as_such():
    assert tag("p", "invoice\u202egpj.exe\u2066") == "<p>invoice\ufffdgpj.exe\ufffd</p>"


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], "a&lt;b cd"),
        ([(0, 3)], "<mark>a&lt;b</mark> cd"),
        ([(4, 6), (0, 1)], "<mark>a</mark>&lt;b <mark>cd</mark>"),
        ([(0, 3), (2, 5), (1, 2)], "<mark>a&lt;b</mark><mark> c</mark>d"),
        ([(-3, 1), (5, 99)], "<mark>a</mark>&lt;b c<mark>d</mark>"),
        ([(3, 3), (50, 60)], "a&lt;b cd"),
    ],
)
def test_spans_are_marked(spans, expected):
    assert marked("a<b cd", spans) == expected


def test_tables_escape_and_align_numbers_under_their_heading():
    html = table(HOSTILE, ("<i>", "n"), [(HOSTILE, 0.123456), (None, None), ("x", True)])
    assert "<script" not in html
    assert "<i>" not in html
    assert html.count('class="number"') == 4
    assert "0.1235" in html
    assert html.count('scope="row"') == 3
    assert 'aria-label="&lt;script' in html


def test_bars_are_in_proportion_and_never_too_long():
    html = bars("t", {"a": 50.0, "b": 400.0, "c": 0.0}, unit="ms", total=200.0)
    assert re.findall(r'<rect width="([\d.]+)%', html) == ["12.50", "100.00", "0.00"]
    assert "style=" not in html
    assert bars("t", {}, unit="ms").count("<rect") == 0


def test_definitions_leave_out_what_has_no_value():
    assert definitions([("a", None), ("b", ""), ("c", 0)]) == "<dl><div><dt>c</dt><dd>0</dd></div></dl>"


def test_a_page_allows_its_own_style_and_nothing_else():
    text = page(HOSTILE, paragraph(HOSTILE))
    assert f"<title>{ESCAPED}</title>" in text
    assert "<script" not in text
    assert " style=" not in text
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page_response(text).headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")
    for directive in ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", text)


@pytest.mark.parametrize(
    ("accept", "chosen", "expected"),
    [
        ("", None, False),
        ("*/*", None, False),
        ("text/html", None, True),
        ("text/html;q=0.4, application/json;q=0.5", None, False),
        ("application/json;q=0.4, text/html;q=0.5", None, True),
        ("text/html;q=nonsense", None, False),
        ("text/html, application/json", None, False),
        ("text/html", "json", False),
        ("", "html", True),
    ],
)
def test_who_gets_a_page(accept, chosen, expected):
    request = Request({"type": "http", "headers": [(b"accept", accept.encode())]})
    assert wants_page(request, chosen) is expected
