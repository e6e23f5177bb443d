"""The API's page as a browser shows it."""

import json
import shutil
import subprocess

import httpx
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A closed network: nothing of the browser's own may be asked for.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=15000",
)  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_every_operation_is_shown(stack, tmp_path):
    document = httpx.get(f"{stack.url}/openapi.json", timeout=60).json()
    operations = [(method, path) for path, item in document["paths"].items() for method in item]
    assert ("post", "/chat") in operations
    page = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={tmp_path}", "--dump-dom", f"{stack.url}/docs"],
        capture_output=True, text=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    assert "Unable to render" not in page
    for _, path in operations:
        assert f'data-path="{path}"' in page, path
    assert page.count('class="opblock-summary-method"') == len(operations)


def test_the_page_needs_nothing_from_elsewhere(stack):
    page = httpx.get(f"{stack.url}/docs", timeout=60).text
    assert "http://" not in page
    assert "https://" not in page
    assert json.dumps("/openapi.json") in page
