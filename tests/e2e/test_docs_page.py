"""The API's page as a browser shows it."""

import json

import httpx
import pytest

from tests.support.browser import CHROMIUM, browser


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_every_operation_is_shown(stack, tmp_path):
    document = httpx.get(f"{stack.url}/openapi.json", timeout=60).json()
    operations = [(method, path) for path, item in document["paths"].items() for method in item]
    assert ("post", "/chat") in operations
    with browser(tmp_path / "profile") as tab:
        tab.open(f"{stack.url}/docs")
        tab.wait_until(f"document.querySelectorAll('.opblock-summary-method').length >= {len(operations)}")
        page = tab.evaluate("document.documentElement.outerHTML")
    assert "Unable to render" not in page
    for _, path in operations:
        assert f'data-path="{path}"' in page, path
    assert page.count('class="opblock-summary-method"') == len(operations)


def test_the_page_needs_nothing_from_elsewhere(stack):
    page = httpx.get(f"{stack.url}/docs", timeout=60).text
    assert "http://" not in page
    assert "https://" not in page
    assert json.dumps("/openapi.json") in page
