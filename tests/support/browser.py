"""A real Chromium, driven over a pipe by its own protocol (DevTools), without further packages."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A closed network: nothing of the browser's own may be asked for.
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--remote-debugging-pipe", "about:blank",
)  # fmt: skip
TIMEOUT_S = 60.0


@dataclass
class Shown:
    """A page as the browser showed it.

    Attributes:
        complaints: What its console says: errors, warnings, violations of the page's policy.
        requests: Every address that was asked for.
        facts: What was measured of it.
        picture: Of the whole page, as PNG.
    """

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    picture: bytes = b""


# What is measured: whether anything lies outside of the page's width, and what a reader of it finds.
_FACTS = """(() => {
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


class Browser:
    """One running browser with one page.

    Args:
        process: Chromium, started with a pipe for its protocol.
        to_browser, from_browser: The pipe's ends.
    """

    def __init__(self, process: subprocess.Popen[bytes], to_browser: int, from_browser: int) -> None:
        self._process = process
        self._to, self._from = to_browser, from_browser
        self._pending = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._send(f"{domain}.enable")

    def show(self, url: str, headers: dict[str, str], *, width: int = 1280, scheme: str = "light") -> Shown:
        """Loads a page with further request headers, in a window of `width` pixels."""
        self._events.clear()
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._send("Emulation.setEmulatedMedia", features=features)
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=width < 800,
        )
        self._send("Network.setExtraHTTPHeaders", headers=headers)
        loaded = self._send("Page.navigate", url=url)
        assert "errorText" not in loaded, loaded["errorText"]
        self._wait_for("Page.loadEventFired")
        facts = self._send("Runtime.evaluate", expression=_FACTS, returnByValue=True)["result"]["value"]
        picture = self._send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        shown = Shown(facts=facts, picture=base64.b64decode(picture))
        for event in self._events:
            _note(event, shown)
        return shown

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if hasattr(self, "_session"):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._events.append(answer)

    def _wait_for(self, method: str) -> None:
        while not any(event.get("method") == method for event in self._events):
            self._events.append(self._read())

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT_S
        while b"\0" not in self._pending:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(self._from, 1 << 16) if ready else b""
            if not piece:
                raise TimeoutError("the browser does not answer")
            self._pending += piece
        message, _, self._pending = self._pending.partition(b"\0")
        return dict(json.loads(message))


def _note(event: dict[str, Any], shown: Shown) -> None:
    parameters = event.get("params", {})
    match event.get("method"):
        case "Network.requestWillBeSent":
            shown.requests.append(parameters["request"]["url"])
        case "Log.entryAdded":
            shown.complaints.append(f"{parameters['entry']['level']}: {parameters['entry']['text']}")
        case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
            shown.complaints.append(json.dumps(parameters)[:500])


@contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """Starts a browser with its own profile, stops it at the end."""
    assert CHROMIUM is not None
    (their_read, to_browser), (from_browser, their_write) = os.pipe(), os.pipe()
    # The protocol's pipe is on descriptors 3 and 4.
    shell = f'exec "$0" "$@" 3<&{their_read} 4>&{their_write}'
    process = subprocess.Popen(
        ["/bin/bash", "-c", shell, CHROMIUM, f"--user-data-dir={profile}", *OPTIONS],
        pass_fds=(their_read, their_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(their_read)
    os.close(their_write)
    try:
        yield Browser(process, to_browser, from_browser)
    finally:
        process.kill()
        process.wait()
        os.close(to_browser)
        os.close(from_browser)
