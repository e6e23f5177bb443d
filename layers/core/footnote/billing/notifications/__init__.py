"""Who is told of events: people by mail, other systems by webhooks."""

from footnote.billing.notifications.mailing import MailConsumer
from footnote.billing.notifications.models import (
    Endpoint,
    Mail,
    NewEndpoint,
    Recipient,
    Response,
    WebhookRefused,
    wants_topic,
)
from footnote.billing.notifications.ports import Claims, EndpointStore, Mailer, Recipients, WebhookSender
from footnote.billing.notifications.webhooks import SignedRequests, WebhookConsumer, WebhookEndpoints

__all__ = [
    "Claims",
    "Endpoint",
    "EndpointStore",
    "Mail",
    "MailConsumer",
    "Mailer",
    "NewEndpoint",
    "Recipient",
    "Recipients",
    "Response",
    "SignedRequests",
    "WebhookConsumer",
    "WebhookEndpoints",
    "WebhookRefused",
    "WebhookSender",
    "wants_topic",
]
