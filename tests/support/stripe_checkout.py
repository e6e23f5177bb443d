"""Prices, Checkout Sessions and idempotency keys in front of `localstripe`, which has none of them.

All else is passed on to it. Requests may have only the parameters that the library's own types name, and
answers only fields of its own classes. What Stripe does with them (one answer for an idempotency key, a
session is open until it is paid or expired) is what its documentation says, and was not run against Stripe.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe
from stripe.params import PriceCreateParams, PriceListParams
from stripe.params.checkout import SessionCreateParams, SessionListParams

from tests.support.localstripe import LocalStripe

_OURS = ("/v1/checkout/sessions", "/v1/prices")


def made(kind: Any, **fields: Any) -> dict[str, Any]:
    """A thing of the API; every field is one that the library's class has."""
    unknown = fields.keys() - kind.__annotations__.keys()
    assert not unknown, f"{kind.__name__} has no {unknown}"
    name = getattr(kind, "OBJECT_NAME", None)
    return fields if name is None else {"object": name, **fields}


def listed(things: list[dict[str, Any]], path: str) -> dict[str, Any]:
    """A page of the API with all of them."""
    return {"object": "list", "data": things, "has_more": False, "url": path}


class CheckoutStripe(ThreadingHTTPServer):
    """The server; `behind` is the one that has all the rest."""

    def __init__(self, behind: LocalStripe) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.behind = behind
        self.sessions: dict[str, dict[str, Any]] = {}
        self.wanted: dict[str, dict[str, str]] = {}
        self.prices: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.passed_on: dict[str, tuple[int, bytes]] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def open_sessions(self, customer: str | None = None) -> list[str]:
        """Sessions that can be paid in, oldest first."""
        return [
            one["id"]
            for one in self.sessions.values()
            if one["status"] == "open" and customer in {None, one["customer"]}
        ]

    def pay(self, session_id: str) -> Any:
        """Somebody pays in a session: the subscription, as `localstripe` has it."""
        session = self.sessions[session_id]
        assert session["status"] == "open"
        session["status"] = "complete"
        form = self.wanted[session_id]
        named = {name: form[f"subscription_data[metadata][{name}]"] for name in ("plan", "version")}
        organization_id = form["subscription_data[metadata][organization_id]"]
        return self.behind.subscribe(
            organization_id, named["plan"], int(named["version"]), session["customer"]
        )

    def answer(self, method: str, path: str, form: dict[str, str], key: str | None) -> tuple[int, Any]:
        """Status and body."""
        with self.lock:
            if key is not None and key in self.answers:
                return 200, self.answers[key]
            status, body = self._answer(method, path, form)
            if key is not None and status == 200:
                self.answers[key] = json.loads(json.dumps(body))
            return status, body

    def _answer(self, method: str, path: str, form: dict[str, str]) -> tuple[int, Any]:
        last = path.removeprefix("/v1/checkout/sessions").strip("/")
        if path == "/v1/prices" and method == "GET":
            _check(PriceListParams, form)
            keys = {value for name, value in form.items() if name.startswith("lookup_keys")}
            return 200, listed([one for one in self.prices if one["lookup_key"] in keys], path)
        if path == "/v1/prices":
            return 200, self._make_price(form)
        if not last and method == "GET":
            _check(SessionListParams, form)
            try:
                self.behind.client.v1.customers.retrieve(form["customer"])
            except stripe.InvalidRequestError:
                error = {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}
                return 400, {"error": {**error, "message": f"No such customer: '{form['customer']}'"}}
            found = [one for one in self.sessions.values() if one["customer"] == form["customer"]]
            return 200, listed(found[::-1], path)
        if not last:
            return 200, self._make_session(form)
        session = self.sessions[last.split("/")[0]]
        if last.endswith("/expire"):
            if session["status"] != "open":
                message = "Only Checkout Sessions with a status of `open` can be expired."
                return 400, {"error": {"type": "invalid_request_error", "message": message}}
            session["status"] = "expired"
        return 200, session

    def _make_price(self, form: dict[str, str]) -> dict[str, Any]:
        _check(PriceCreateParams, form)
        price = made(
            stripe.Price,
            id=f"price_{len(self.prices)}",
            unit_amount=int(form["unit_amount"]),
            currency=form["currency"],
            lookup_key=form["lookup_key"],
            metadata={name: form[f"metadata[{name}]"] for name in ("plan", "version")},
        )
        self.prices.append(price)
        return price

    def _make_session(self, form: dict[str, str]) -> dict[str, Any]:
        _check(SessionCreateParams, form)
        number = len(self.sessions)
        prefix = "metadata["
        session = made(
            stripe.checkout.Session,
            id=f"cs_{number:04}",
            created=int(time.time()),
            customer=form["customer"],
            status="open",
            url=f"https://checkout.stripe.com/c/cs_{number:04}",
            metadata={
                name[len(prefix) : -1]: value for name, value in form.items() if name.startswith(prefix)
            },
        )
        self.sessions[session["id"]] = session
        self.wanted[session["id"]] = form
        return session


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CheckoutStripe

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        key = self.headers.get("idempotency-key") if self.command == "POST" else None
        if not place.path.startswith(_OURS):
            self._send(*self._passed_on(body, key))
            return
        form = dict(parse_qsl(body.decode() or place.query, keep_blank_values=True))
        status, answer = self.server.answer(self.command, place.path, form, key)
        self._send(status, json.dumps(answer).encode())

    do_POST = do_DELETE = do_GET  # noqa: N815 - the base class names them

    def _passed_on(self, body: bytes, key: str | None) -> tuple[int, bytes]:
        """The answer of the server behind, which does not know idempotency keys."""
        if key is None:
            return self._asked(body)
        with self.server.lock:
            if key not in self.server.passed_on:
                answer = self._asked(body)
                if answer[0] != 200:
                    return answer
                self.server.passed_on[key] = answer
            return self.server.passed_on[key]

    def _asked(self, body: bytes) -> tuple[int, bytes]:
        kept = ("authorization", "content-type")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        url = self.server.behind.url + self.path
        request = urllib.request.Request(url, body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _check(parameters: Any, form: dict[str, str]) -> None:
    names = {name.split("[")[0] for name in form}
    unknown = names - parameters.__annotations__.keys()
    assert not unknown, f"{parameters.__name__} has no {unknown}"


@contextmanager
def checkout_stripe(behind: LocalStripe) -> Iterator[CheckoutStripe]:
    """A server with nothing in it, in front of one of `localstripe`."""
    with CheckoutStripe(behind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
