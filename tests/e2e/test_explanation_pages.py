"""Explanations of the running stack as a browser shows them: at a desk, on a phone, in the dark."""

import json
import os
import uuid
from pathlib import Path

import httpx
import pytest

from tests.support.browser import CHROMIUM, running_browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

HOSTILE = "<script>document.title = 'owned'</script><img src=https://evil.example/x onerror=alert(1)>"
GUIDE = f"""# Lighthouses of the coast {HOSTILE}

The lighthouse of Farol was built in 1912 by Tomas Duarte. It is forty metres high. {HOSTILE}

## Keepers

Its keeper is Ines Duarte, who came to the island in 1998.
Averylongwordwithoutanyspaces{"inthemiddle" * 30}
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with running_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def answered(stack):
    """A member with a document, and an answer from it."""
    with stack.new_member() as client:
        document_id = client.upload(GUIDE.encode(), "guide.md")
        client.wait([document_id])
        yield client, document_id, client.chat(f"When was the lighthouse of Farol built? {HOSTILE}")


def check(shown, url):
    """No script, no complaint, no request elsewhere, nothing cut off, all tables named."""
    assert shown.complaints == []
    assert {address for address in shown.requests if not address.startswith("data:")} == {url}
    facts = shown.facts
    assert facts["scripts"] == 0
    assert facts["title"] != "owned"
    assert facts["scrollWidth"] <= facts["width"], facts["wide"]
    assert facts["wide"] == []
    assert (facts["unlabelled"], facts["skips"], facts["broken"], facts["language"]) == (0, 0, 0, "en")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_explained_answer(stack, browser, answered, width, scheme):
    client, _, answer = answered
    url = f"{stack.url}/chat/messages/{answer['message_id']}/explain"
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/html"}
    shown = browser.show(url, headers, width=width, scheme=scheme)
    if pictures := os.environ.get("FOOTNOTE_TEST_PICTURES"):
        Path(pictures, f"answer-{width}-{scheme}.png").write_bytes(shown.picture)
    check(shown, url)
    assert HOSTILE in shown.facts["text"]
    for part in ("How this answer came about", "What was understood", "Every candidate", "in 1912"):
        assert part in shown.facts["text"]
    light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
    assert shown.facts["background"] == (dark if scheme == "dark" else light)


def test_what_is_cited_is_marked(stack, browser, answered):
    client, _, _ = answered
    answer = client.chat("When was the lighthouse of Farol built?")
    url = f"{stack.url}/chat/messages/{answer['message_id']}/explain?format=html"
    shown = browser.show(url, {"Authorization": f"Bearer {client.token}"})
    if pictures := os.environ.get("FOOTNOTE_TEST_PICTURES"):
        Path(pictures, "cited.png").write_bytes(shown.picture)
    check(shown, url)
    evidence = [" ".join(piece["text"].split()) for piece in answer["sources"][0]["evidence"]]
    assert [" ".join(text.split()) for text in shown.facts["marked"]] == evidence
    assert "The passage stands unchanged in the document's current version." in shown.facts["text"]


def test_the_command_tells_and_saves_the_same(stack, tmp_path):
    asked = json.loads(stack.footnote("ask", "--json", "What is Footnote?").stdout)
    told = stack.footnote("explain", asked["message_id"]).stdout
    assert told.startswith("What is Footnote?")
    stack.footnote("explain", asked["message_id"], "--save", str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    unknown = str(uuid.uuid4())
    assert "no such document" in stack.footnote("whynot", "What is Footnote?", unknown).stdout
    refused = stack.footnote("explain", unknown, check=False)
    assert refused.returncode != 0
    assert "no such answer" in refused.stdout + refused.stderr


def test_a_document_that_was_not_found(stack, browser, answered, tmp_path):
    """The page of a POST request: as a client saves it, with the policy that it carries itself."""
    client, document_id, _ = answered
    body = {"query": f"When was it built? -lighthouse {HOSTILE}", "document_id": document_id}
    headers = {"Authorization": f"Bearer {client.token}"}
    address = f"{stack.url}/search/explain?format=html"
    response = httpx.post(address, json=body, headers=headers, timeout=60, trust_env=False)
    assert response.status_code == 200
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    saved = tmp_path / "explained.html"
    saved.write_bytes(response.content)
    for width in (390, 1280):
        shown = browser.show(saved.as_uri(), {}, width=width)
        if pictures := os.environ.get("FOOTNOTE_TEST_PICTURES"):
            Path(pictures, f"search-{width}.png").write_bytes(shown.picture)
        check(shown, saved.as_uri())
        assert "Why the document was not found" in shown.facts["text"]
        assert "lighthouse" in shown.facts["text"]
