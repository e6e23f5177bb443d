"""Subscribing to plans, changing and cancelling them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from footnote.billing.payments import (
    Checkout,
    Payer,
    PaymentProvider,
    PricedPlan,
    ProviderSubscription,
    UnknownPayer,
)
from footnote.billing.plans import Plan
from footnote.billing.profiles import ProfileStore
from footnote.billing.subscription_models import (
    Beginning,
    Change,
    Decision,
    Overview,
    Request,
    Subscription,
    SubscriptionStore,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict
from footnote.platform.settings import BillingSettings


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The organization's subscription.

    Every change may be sent again: the provider's calls have keys of their own, and what a request has
    changed here is written together with its `Idempotency-Key`.
    """

    store: SubscriptionStore
    profiles: ProfileStore
    provider: PaymentProvider
    settings: BillingSettings

    async def overview(self, context: OrganizationContext) -> Overview:
        """What the organization has now."""
        return await self.store.overview(context)

    async def change(self, context: OrganizationContext, plan: str, key: str | None = None) -> Change:
        """Subscribes to a plan, or changes to it: to a dearer one now, to a cheaper one at the period's end.

        Raises:
            NotFound: No such plan is offered to the organization.
            IdempotencyKeyReused: The key came with another request.
            Conflict: The subscription was changed at the same moment, or the provider refuses.
        """
        request = Request(key, f"change:{plan}")
        before = await self.store.replayed(context, request)
        if before is not None:
            return before
        await self._catch_up(context)
        decision = await self.store.decide(context, plan)
        if decision.kind == "begin":
            return await self._begin(context, decision.plan, request)
        await self._tell_provider(decision, request)
        await self.store.carry_out(context, decision, request)
        return Change(await self.store.overview(context))

    async def cancel(self, context: OrganizationContext, key: str | None = None) -> Change:
        """Ends the subscription with its period.

        Raises:
            Conflict: There is none.
        """
        return await self._set_cancellation(context, True, Request(key, "cancel"))

    async def resume(self, context: OrganizationContext, key: str | None = None) -> Change:
        """Takes a cancellation back.

        Raises:
            Conflict: There is no subscription any more.
        """
        return await self._set_cancellation(context, False, Request(key, "resume"))

    async def portal(self, context: OrganizationContext) -> str | None:
        """Where the payer manages cards and receipts; `None` where there is no such place."""
        return await self.provider.portal(await self._payer(context), return_url=self.settings.return_url)

    async def apply_provider_state(self, context: OrganizationContext, state: ProviderSubscription) -> bool:
        """Brings the organization's subscription to the state that the provider has.

        May be called any number of times and in any order: a state older than the newest one that was applied
        changes nothing. Plan, period, status and cancellation follow; the limits follow the plan.

        Args:
            context: The organization of `state`, without a member.
            state: As the provider tells it, with the time (the database's) before it was asked for.

        Returns:
            Whether anything changed. A subscription that is paid for while another one is in force changes
            nothing: it is noted as a duplicate.

        Raises:
            Conflict: The state names a plan or version that there is not.
        """
        return await self.store.apply_provider_state(context, state) == "applied"

    async def _catch_up(self, context: OrganizationContext) -> None:
        """Lets periods end that the biller has not come to, and asks the provider for what it did not tell.

        What is asked for is decided on what is.
        """
        while await self.store.advance(context):
            pass
        current = (await self.store.overview(context)).subscription
        if (
            current is not None
            and current.provider == self.provider.name
            and current.provider_ref is not None
        ):
            asked_at = await self.store.now()
            state = await self.provider.state(current.provider_ref, asked_at)
            if state is not None and state.organization_id == context.organization_id:
                await self.store.apply_provider_state(context, state)

    async def _begin(self, context: OrganizationContext, plan: Plan, request: Request) -> Change:
        checkout = await self._checkout(context, plan, request)
        if checkout.running:
            return await self._take_over(context, plan, checkout.running, request)
        if checkout.url is not None:
            await self.store.note(context, request, checkout.url)
            return Change(await self.store.overview(context), checkout.url)
        beginning = Beginning(plan, self.provider.name, checkout.customer_ref, checkout.subscription_ref)
        await self.store.begin(context, beginning, request)
        return Change(await self.store.overview(context))

    async def _checkout(self, context: OrganizationContext, plan: Plan, request: Request) -> Checkout:
        key = request.key or f"begin:{context.organization_id}:{plan.plan}:{plan.version}"
        back = {"success_url": self.settings.return_url, "cancel_url": self.settings.return_url}
        payer = await self._customer(context)
        try:
            return await self.provider.subscribe(payer, _priced(plan), **back, key=key)
        except UnknownPayer:
            payer = await self._new_customer(context, payer)
            return await self.provider.subscribe(payer, _priced(plan), **back, key=key)

    async def _take_over(
        self, context: OrganizationContext, plan: Plan, running: tuple[str, ...], request: Request
    ) -> Change:
        """What was paid for and not told yet holds now; nobody pays a second time."""
        for subscription_ref in running:
            asked_at = await self.store.now()
            state = await self.provider.state(subscription_ref, asked_at)
            if state is None or state.organization_id != context.organization_id:
                continue
            outcome = await self.store.apply_provider_state(context, state)
            if outcome == "unchanged" and state.status == "past_due":
                # It was ended here because nobody paid: what is left of it would be charged for nothing.
                await self.provider.cancel(
                    subscription_ref, at_period_end=False, key=f"over:{subscription_ref}"
                )
        overview = await self.store.overview(context)
        if overview.subscription is None:
            raise Conflict(
                "A subscription of the organization is being ended at the payment provider. Try again in a"
                " minute."
            )
        if overview.plan.plan != plan.plan:
            raise Conflict(
                f"The organization has paid for the plan '{overview.plan.plan}' already, and has it now."
                " Look at the subscription, then change it."
            )
        await self.store.note(context, request, None)
        return Change(overview)

    async def _tell_provider(self, decision: Decision, request: Request) -> None:
        """The provider first: where it refuses, nothing has changed here."""
        current = decision.subscription
        if current is None or current.provider_ref is None:
            return
        key = request.key or f"{current.subscription_id}:{decision.plan.plan}:{decision.plan.version}"
        self._check_provider(current)
        if decision.kind in {"now", "later"}:
            prorate = decision.kind == "now"
            await self.provider.change_plan(
                current.provider_ref, _priced(decision.plan), prorate=prorate, key=key
            )
        elif decision.kind == "end":
            await self.provider.cancel(current.provider_ref, at_period_end=True, key=key)
        if decision.kind != "end" and current.cancel_at_period_end:
            await self.provider.resume(current.provider_ref, key=f"{key}:resume")
        if decision.kind == "same" and current.pending_plan is not None:
            await self.provider.change_plan(
                current.provider_ref, _priced(decision.plan), prorate=False, key=f"{key}:back"
            )

    async def _set_cancellation(
        self, context: OrganizationContext, cancelled: bool, request: Request
    ) -> Change:
        before = await self.store.replayed(context, request)
        if before is not None:
            return before
        await self._catch_up(context)
        current = (await self.store.overview(context)).subscription
        if current is None:
            raise Conflict("The organization has no subscription. Choose a plan first.")
        if current.provider_ref is not None:
            self._check_provider(current)
            key = request.key or f"{current.subscription_id}:{request.asks}:{current.period_end.isoformat()}"
            if cancelled:
                await self.provider.cancel(current.provider_ref, at_period_end=True, key=key)
            else:
                await self.provider.resume(current.provider_ref, key=key)
        await self.store.set_cancellation(context, current.subscription_id, cancelled, request)
        return Change(await self.store.overview(context))

    def _check_provider(self, current: Subscription) -> None:
        if current.provider != self.provider.name:
            raise Conflict(
                f"The subscription is paid through '{current.provider}', which is not configured any more."
                " Ask the operator."
            )

    async def _payer(self, context: OrganizationContext) -> Payer:
        profile = await self.profiles.read(context)
        reference = await self.store.customer_ref(context, self.provider.name)
        return Payer(context.organization_id, profile.buyer_name, profile.email or None, reference)

    async def _customer(self, context: OrganizationContext) -> Payer:
        """The payer with the provider's id. One that another request has kept first holds for all."""
        payer = await self._payer(context)
        return payer if payer.customer_ref is not None else await self._new_customer(context, payer)

    async def _new_customer(self, context: OrganizationContext, payer: Payer) -> Payer:
        made = await self.provider.customer(payer)
        if made is None:
            return payer
        kept = await self.store.keep_customer(context, self.provider.name, made, payer.customer_ref)
        return replace(payer, customer_ref=kept)


def _priced(plan: Plan) -> PricedPlan:
    return PricedPlan(plan.plan, plan.version, plan.name, plan.price_cents, plan.currency)
