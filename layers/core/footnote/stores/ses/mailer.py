"""Mail through SES's API, version 2."""

from __future__ import annotations

from typing import Any

from footnote.billing.notifications import Mail
from footnote.platform.settings import EventSettings
from footnote.stores.aws.client import AwsClient

SERVICE = "ses"
PATH = "/v2/email/outbound-emails"


class SesMailer:
    """`footnote.billing.notifications.Mailer` on SES.

    Args:
        settings: The sender, the region, and the endpoint where it is not AWS's own.
    """

    def __init__(self, settings: EventSettings) -> None:
        url = settings.endpoint_url or f"https://email.{settings.region}.amazonaws.com"
        self._sender = settings.mail_from
        self._client = AwsClient(SERVICE, settings.region, url, settings.timeout_s)

    async def send(self, mail: Mail) -> None:
        """See `Mailer.send`."""
        document = {
            "FromEmailAddress": self._sender,
            "Destination": {"ToAddresses": [mail.to]},
            "Content": {
                "Simple": {
                    "Subject": _text(mail.subject),
                    "Body": {"Text": _text(mail.text), "Html": _text(mail.html)},
                    "Headers": [{"Name": "X-Footnote-Event", "Value": mail.event_id}],
                }
            },
        }
        await self._client.post(PATH, document, {"Content-Type": "application/json"})

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


def _text(data: str) -> dict[str, Any]:
    return {"Data": data, "Charset": "UTF-8"}
