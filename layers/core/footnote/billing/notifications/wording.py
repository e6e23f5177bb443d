"""What mails say about events, as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from footnote.quota import Event

_METERS: Mapping[str, str] = {
    "messages": "messages",
    "api_calls": "API calls",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "embedding_tokens": "embedding tokens",
    "rerank_calls": "reranking calls",
    "storage_bytes": "storage",
    "documents": "documents",
    "cost": "budget",
}
_STAGES: Mapping[str, str] = {
    "normal": "Everything works as usual.",
    "soft": "Answers are made at less cost until the stage changes.",
    "hard": "The service is reduced to what costs least until the stage changes.",
    "emergency": "Nothing that costs anything is begun until an owner raises the budget.",
}
_PAGE = (
    '<!doctype html><html><body style="font-family:sans-serif;max-width:36em;margin:2em auto;color:#222">'
    "{paragraphs}</body></html>"
)


@dataclass(frozen=True, slots=True)
class Wording:
    """A mail without its recipient.

    Attributes:
        subject: One line.
        paragraphs: Plain text.
    """

    subject: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """The plain text."""
        return "\n\n".join(self.paragraphs) + "\n"

    @property
    def html(self) -> str:
        """The same as HTML; nothing of the text is taken for markup."""
        return _PAGE.format(paragraphs="".join(f"<p>{escape(one)}</p>" for one in self.paragraphs))


def wording(event: Event, organization: str) -> Wording | None:
    """What a mail says about an event; `None` where nobody is mailed about it."""
    name = " ".join(organization.split())
    if event.topic == "quota.warning":
        return _warning(event.payload, name)
    if event.topic.startswith("budget."):
        return _budget(event.payload, name)
    if event.topic == "webhook.disabled":
        return _webhook(event.payload, name)
    if event.topic == "subscription.duplicate":
        return _paid_twice(event.payload, name)
    if event.topic == "subscription.duplicate_refunded":
        return _given_back(event.payload, name)
    return None


def _warning(payload: Mapping[str, Any], organization: str) -> Wording:
    meter, threshold, limit = str(payload["meter"]), int(payload["threshold"]), int(payload["limit"])
    what = _METERS.get(meter, meter.replace("_", " "))
    own = payload.get("user_id") is not None
    whose = f"your own {what}" if own else f"{what} of {organization}"
    used = f"{_amount(meter, int(payload['used']))} of {_amount(meter, limit)} are used."
    reset = payload.get("reset_at")
    lines = [f"{threshold} % of the limit is reached: {whose}.", used]
    if threshold >= 100:
        lines.append("Further requests that need them are refused until there is room again.")
    if reset:
        lines.append(f"The count begins anew on {_moment(str(reset))}.")
    who = (
        "An owner or admin of the organization can raise it." if own else "A larger plan has a higher limit."
    )
    return Wording(f"[Footnote] {threshold} % of {whose} used", (*lines, who))


def _budget(payload: Mapping[str, Any], organization: str) -> Wording:
    """Budget events name `stage` or `threshold`, and `spent` and `limit` (micro-USD), as far as they go."""
    stage, threshold = payload.get("stage"), payload.get("threshold")
    if threshold is not None:
        reached = f"{threshold} % of the budget is spent"
    elif stage is not None:
        reached = f"The budget's stage is {stage} now"
    else:
        reached = "The budget has changed"
    lines = [f"{reached}: {organization}."]
    if str(stage) in _STAGES:
        lines.append(_STAGES[str(stage)])
    spent, limit = payload.get("spent"), payload.get("limit")
    if isinstance(spent, int) and isinstance(limit, int):
        lines.append(f"{_amount('cost', spent)} of {_amount('cost', limit)} are spent.")
    lines.append("An owner of the organization can change the budget and what happens when it is spent.")
    return Wording(f"[Footnote] {reached}: {organization}", tuple(lines))


def _webhook(payload: Mapping[str, Any], organization: str) -> Wording:
    return Wording(
        f"[Footnote] A webhook of {organization} was switched off",
        (
            f"Events are not sent any more to {payload['url']}.",
            f"The reason: {payload['reason']}",
            "When the address works again, have a test sent to it: that switches it on.",
        ),
    )


def _paid_twice(payload: Mapping[str, Any], organization: str) -> Wording:
    return Wording(
        f"[Footnote] {organization} has subscribed twice",
        (
            f"A second subscription of {organization} was paid for while the first one is running.",
            "The first one goes on. The second one is cancelled.",
            "What was paid for it is given back in full, by the way in which it was paid.",
            "There is nothing to do; another message follows when the refund was made.",
            f"The second subscription: {payload['subscription_ref']}",
        ),
    )


def _given_back(payload: Mapping[str, Any], organization: str) -> Wording:
    cents = int(payload["refunded_cents"])
    refunds = ", ".join(str(one) for one in payload["refund_refs"]) or "none"
    return Wording(
        f"[Footnote] The second subscription of {organization} is cancelled",
        (
            f"The second subscription of {organization}, {payload['subscription_ref']}, is cancelled.",
            f"{cents // 100:,}.{cents % 100:02} were given back, in the currency in which they were paid.",
            f"The payment provider's number of the refund: {refunds}",
        ),
    )


def _amount(meter: str, units: int) -> str:
    if meter == "cost":
        return f"${units // 1_000_000:,}.{units % 1_000_000 // 10_000:02}"
    if meter == "storage_bytes":
        return f"{units / 1_048_576:,.1f} MB"
    return f"{units:,}"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%d %B %Y, %H:%M %Z").strip(", ")
