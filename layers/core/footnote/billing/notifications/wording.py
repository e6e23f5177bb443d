"""What mails say about events, as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    topic = "budget.*" if event.topic.startswith("budget.") else event.topic
    words = _WORDS.get(topic)
    return None if words is None else words(event.payload, " ".join(organization.split()))


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


def _invoice(payload: Mapping[str, Any], organization: str) -> Wording | None:
    """Nobody is mailed about what is not to be paid here."""
    cents = int(payload["total_cents"])
    if cents <= 0 or payload.get("provider") != "manual":
        return None
    number, amount = payload["number"], f"{cents // 100:,}.{cents % 100:02} {payload['currency']}"
    last_day = datetime.fromisoformat(str(payload["due_at"])) - timedelta(microseconds=1)
    return Wording(
        f"[Footnote] Invoice {number} of {organization}",
        (
            f"Invoice {number} is issued: {amount}, to be paid by {last_day:%d %B %Y} (UTC).",
            "Owners and admins find it among the invoices, as a page to file. Please quote its number.",
        ),
    )


def _past_due(_: Mapping[str, Any], organization: str) -> Wording:
    return Wording(
        f"[Footnote] A payment of {organization} is overdue",
        (
            f"What {organization} owes for its subscription was not paid in time.",
            "The plan stays for a few days. It ends if nothing is paid until then.",
        ),
    )


def _ended_unpaid(_: Mapping[str, Any], organization: str) -> Wording:
    return Wording(
        f"[Footnote] The subscription of {organization} has ended",
        (
            f"What {organization} owes was not paid: its subscription has ended.",
            "The limits are those without a subscription now. An owner can subscribe again.",
            "What is owed stays so.",
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


_WORDS: Mapping[str, Callable[[Mapping[str, Any], str], Wording | None]] = {
    "quota.warning": _warning,
    "budget.*": _budget,
    "webhook.disabled": _webhook,
    "invoice.issued": _invoice,
    "subscription.past_due": _past_due,
    "subscription.ended_unpaid": _ended_unpaid,
    "subscription.duplicate": _paid_twice,
    "subscription.duplicate_refunded": _given_back,
}
