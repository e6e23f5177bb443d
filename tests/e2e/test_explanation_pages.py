"""Explanations of the running stack as a browser shows them: at a desk, on a phone, in the dark."""

import json
import os
import uuid
from pathlib import Path

import httpx
import pytest

from tests.support.browser import CHROMIUM, browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

HOSTILE = "<script>document.title = 'owned'</script><img src=https://evil.example/x onerror=alert(1)>"
GUIDE = f"""# Lighthouses of the coast {HOSTILE}

The lighthouse of Farol was built in 1912 by Tomas Duarte. It is forty metres high. {HOSTILE}

## Keepers

Its keeper is Ines Duarte, who came to the island in 1998.
Averylongwordwithoutanyspaces{"inthemiddle" * 30}
"""

# What is measured: whether anything lies outside of the page's width, and what a reader of it finds.
FACTS = """(() => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll('main *')].filter(one =>
    !one.closest('.scroll, svg') && one.getBoundingClientRect().right > root.clientWidth + 0.5);
  const unlabelled = [...document.querySelectorAll('table')].filter(one => !one.caption?.textContent.trim());
  const levels = [...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1]);
  return {
    title: document.title, width: root.clientWidth, scrollWidth: root.scrollWidth,
    wide: wide.map(one => one.outerHTML.slice(0, 120)), scripts: document.scripts.length,
    marked: [...document.querySelectorAll('mark')].map(one => one.innerText),
    unlabelled: unlabelled.length, language: root.lang, text: document.body.innerText,
    skips: levels.filter((level, place) => level > (place ? levels[place - 1] : 0) + 1).length,
    broken: [...document.querySelectorAll('a[href^="#"]')].filter(one =>
      !document.getElementById(one.getAttribute('href').slice(1))).length,
    background: getComputedStyle(root).backgroundColor, ink: getComputedStyle(document.body).color,
  };
})()"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(scope="module")
def answered(stack):
    """A member with a document, and an answer from it."""
    with stack.new_member() as client:
        document_id = client.upload(GUIDE.encode(), "guide.md")
        client.wait([document_id])
        yield client, document_id, client.chat(f"When was the lighthouse of Farol built? {HOSTILE}")


def look_at(tab, url, name, **options):
    """No script, no complaint, no request elsewhere, nothing cut off, all tables named; what there is."""
    tab.open(url, **options)
    facts = tab.evaluate(FACTS)
    if pictures := os.environ.get("FOOTNOTE_TEST_PICTURES"):
        Path(pictures, f"{name}.png").write_bytes(tab.picture())
    assert tab.problems == []
    assert {address for address in tab.requests if not address.startswith("data:")} == {url}
    assert facts["scripts"] == 0
    assert facts["title"] != "owned"
    assert facts["scrollWidth"] <= facts["width"], facts["wide"]
    assert facts["wide"] == []
    assert (facts["unlabelled"], facts["skips"], facts["broken"], facts["language"]) == (0, 0, 0, "en")
    return facts


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_an_explained_answer(stack, tab, answered, width, dark):
    client, _, answer = answered
    url = f"{stack.url}/chat/messages/{answer['message_id']}/explain"
    headers = {"Authorization": f"Bearer {client.token}", "Accept": "text/html"}
    name = f"answer-{width}-{'dark' if dark else 'light'}"
    facts = look_at(tab, url, name, width=width, dark=dark, headers=headers)
    assert HOSTILE in facts["text"]
    for part in ("How this answer came about", "What was understood", "Every candidate", "in 1912"):
        assert part in facts["text"]
    assert facts["background"] == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")


def test_what_is_cited_is_marked(stack, tab, answered):
    client, _, _ = answered
    answer = client.chat("When was the lighthouse of Farol built?")
    url = f"{stack.url}/chat/messages/{answer['message_id']}/explain?format=html"
    facts = look_at(tab, url, "cited", headers={"Authorization": f"Bearer {client.token}"})
    evidence = [" ".join(piece["text"].split()) for piece in answer["sources"][0]["evidence"]]
    assert [" ".join(text.split()) for text in facts["marked"]] == evidence
    assert "The passage stands unchanged in the document's current version." in facts["text"]


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


def test_a_document_that_was_not_found(stack, tab, answered, tmp_path):
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
        facts = look_at(tab, saved.as_uri(), f"search-{width}", width=width)
        assert "Why the document was not found" in facts["text"]
        assert "lighthouse" in facts["text"]
