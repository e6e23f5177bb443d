"""A Stripe server that others wrote (`localstripe`), which sends signed webhooks.

It knows customers, products, plans, subscriptions and invoices. It has no prices, Checkout Sessions, customer
portal or meter events, and ignores idempotency keys.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stripe

from local.ports import free_port

KEY = "sk_test_footnote"
SIGNING = "whsec_footnote"


@dataclass(frozen=True)
class LocalStripe:
    """A running server."""

    url: str

    @property
    def client(self) -> stripe.StripeClient:
        """The library's own client, as another user of the account."""
        return stripe.StripeClient(KEY, base_addresses={"api": self.url})

    def send_webhooks_to(self, url: str) -> None:
        """From now on every event is sent there, signed with `SIGNING`."""
        body = json.dumps({"url": url, "secret": SIGNING}).encode()
        request = urllib.request.Request(f"{self.url}/_config/webhooks/footnote", body, method="POST")
        urllib.request.urlopen(request, timeout=5).close()

    def subscribe(
        self, organization_id: Any, plan: str = "pro", version: int = 1, customer: str | None = None
    ) -> Any:
        """What Stripe has after a payer went through Checkout, with our metadata."""
        metadata = {"organization_id": str(organization_id), "plan": plan, "version": str(version)}
        client = self.client
        if customer is None:
            customer = client.v1.customers.create({"name": "Acme", "metadata": metadata}).id
        card: Any = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
        method = client.v1.payment_methods.create({"type": "card", "card": card})
        client.v1.payment_methods.attach(method.id, {"customer": customer})
        settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
        client.v1.customers.update(customer, settings)
        product = client.v1.products.create({"name": plan})
        made: Any = {"product": product.id, "currency": "usd", "interval": "month", "amount": 2900}
        monthly = client.v1.plans.create(made)
        wanted: Any = {"customer": customer, "items": [{"plan": monthly.id}], "metadata": metadata}
        return client.v1.subscriptions.create(wanted)


@contextmanager
def local_stripe(directory: Path) -> Iterator[LocalStripe]:
    """A server with nothing in it.

    Args:
        directory: It writes its log there.
    """
    port = free_port()
    command = [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"]
    with (directory / "localstripe.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
        try:
            _wait(f"http://127.0.0.1:{port}/v1/customers", process)
            yield LocalStripe(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("localstripe does not start; its log says why")
