"""Plans' versions as Stripe's products and prices, made when they are first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footnote.billing.payments.ports import PricedPlan
from footnote.billing.plans import CUSTOM
from footnote.platform.errors import Conflict

if TYPE_CHECKING:
    from stripe import StripeClient


class Prices:
    """Prices by lookup key.

    Args:
        client: Calls the API.
        organization_id: For whom: a custom plan is one organization's.
    """

    def __init__(self, client: StripeClient, organization_id: str) -> None:
        self._client = client
        self._organization_id = organization_id

    def of(self, plan: PricedPlan) -> str:
        """The id of the version's price.

        Raises:
            Conflict: Stripe has another amount under its key; somebody else wrote there.
        """
        owner = f"_{self._organization_id.replace('-', '')}" if plan.plan == CUSTOM else ""
        name = f"footnote_{plan.plan}{owner}"
        lookup_key = f"{name}_v{plan.version}"
        found = self._client.v1.prices.list({"lookup_keys": [lookup_key], "limit": 1}).data
        price = found[0] if found else self._create(name, lookup_key, plan)
        if (price.unit_amount, price.currency) != (plan.price_cents, plan.currency.lower()):
            raise Conflict(f"The payment provider has another price under '{lookup_key}'. Ask the operator.")
        return price.id

    def _create(self, name: str, lookup_key: str, plan: PricedPlan) -> Any:
        import stripe

        try:
            self._client.v1.products.create({"id": name, "name": plan.name}, {"idempotency_key": name})
        except stripe.InvalidRequestError as error:
            if error.code != "resource_already_exists":
                raise
        except stripe.IdempotencyError:
            # Another version's name made the product today.
            pass
        return self._client.v1.prices.create(
            {
                "product": name,
                "lookup_key": lookup_key,
                "currency": plan.currency.lower(),
                "unit_amount": plan.price_cents,
                "recurring": {"interval": "month"},
                "metadata": {"plan": plan.plan, "version": str(plan.version)},
            },
            {"idempotency_key": f"{lookup_key}:{plan.price_cents}:{plan.currency}"},
        )
