"""Events: the jobs that send and check them, and who is told of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.identity import Identity

if TYPE_CHECKING:
    from footnote.billing.notifications import MailConsumer, SignedRequests, WebhookConsumer, WebhookEndpoints
    from footnote.quota import Consumer
    from footnote.quota.events import Dispatcher
    from footnote.quota.reconciliation import Reconciler
    from footnote.quota.sweeping import MeteringSweep
    from footnote.stores.postgres.notifications import PostgresClaims, PostgresEndpointStore
    from footnote.stores.postgres.outbox import PostgresMeteringJobs


class Events(Identity):
    """Services of events."""

    @cached_property
    def metering_jobs(self) -> PostgresMeteringJobs:
        """For jobs: the process signs in to Postgres as `footnote_jobs`."""
        from footnote.stores.postgres.outbox import PostgresMeteringJobs

        return PostgresMeteringJobs(self.database)

    @cached_property
    def metering_sweep(self) -> MeteringSweep:
        """For `metering`."""
        from footnote.quota.relay import Relay
        from footnote.quota.sweeping import MeteringSweep
        from footnote.stores.sqs.queue import SqsQueue

        events = self.settings.events
        relay = Relay(self.metering_jobs, SqsQueue(events), self.clock, events.lease_s)
        return MeteringSweep(self.metering_jobs, relay, self.clock)

    @cached_property
    def reconciler(self) -> Reconciler:
        """For `reconciler`."""
        from footnote.quota.reconciliation import Reconciler

        return Reconciler(self.metering_jobs, self.clock)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """For `notifier`."""
        from footnote.quota.events import Dispatcher

        return Dispatcher(self.event_consumers(), self.settings.events.max_deliveries, self.clock)

    def event_consumers(self) -> list[Consumer]:
        """Everybody who does something with events; a later part of the container adds its own."""
        from footnote.quota.events import DailyUsage
        from footnote.stores.postgres.outbox import PostgresUsageRollup

        consumers: list[Consumer] = [DailyUsage(PostgresUsageRollup(self.database)), self._webhook_consumer]
        if self.settings.events.mail_from:
            consumers.append(self._mail_consumer)
        return consumers

    @cached_property
    def webhook_endpoints(self) -> WebhookEndpoints:
        from footnote.billing.notifications import WebhookEndpoints

        return WebhookEndpoints(self._endpoint_store, self._signed_requests, self.clock, self.settings.events)

    @cached_property
    def _webhook_consumer(self) -> WebhookConsumer:
        from footnote.billing.notifications import WebhookConsumer

        return WebhookConsumer(
            self._endpoint_store, self._claims, self._signed_requests, self.settings.events
        )

    @cached_property
    def _mail_consumer(self) -> MailConsumer:
        from footnote.billing.notifications import MailConsumer
        from footnote.stores.postgres.notifications import PostgresRecipients
        from footnote.stores.ses.mailer import SesMailer

        return MailConsumer(PostgresRecipients(self.database), self._claims, SesMailer(self.settings.events))

    @cached_property
    def _signed_requests(self) -> SignedRequests:
        from footnote.billing.notifications import SignedRequests
        from footnote.stores.webhooks.sender import HttpWebhookSender

        sender = HttpWebhookSender(self.settings.events)
        return SignedRequests(sender, self.secrets, self.clock, self.settings.events)

    @cached_property
    def _claims(self) -> PostgresClaims:
        from footnote.stores.postgres.notifications import PostgresClaims

        return PostgresClaims(self.database)

    @cached_property
    def _endpoint_store(self) -> PostgresEndpointStore:
        from footnote.stores.postgres.notifications import PostgresEndpointStore

        return PostgresEndpointStore(self.database, self.settings.events)
