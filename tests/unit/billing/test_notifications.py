"""What mails say, which topics an endpoint wants, and how webhooks are signed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from footnote.billing.notifications import wants_topic
from footnote.billing.notifications.signing import endpoint_secrets, webhook_body, webhook_headers
from footnote.billing.notifications.wording import wording
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.quota import Event
from tests.support.events import usage, warning

ORGANIZATION = OrganizationContext(new_id())


def event(topic, **payload):
    return Event(ORGANIZATION.organization_id, "id", topic, payload, datetime.now(UTC))


def test_the_published_example_of_the_specification():
    headers = webhook_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_endpoint_has_a_secret_of_its_own():
    one, other = new_id(), new_id()
    secrets = {
        *endpoint_secrets("platform", one, other),
        *endpoint_secrets("platform", other, one),
        *endpoint_secrets("platform", one, one),
        *endpoint_secrets("another", one, other),
    }
    assert len(secrets) == 4
    assert secrets.issuperset(endpoint_secrets("platform", one, other))
    assert all(secret.startswith("whsec_") and "platform" not in secret for secret in secrets)


def test_a_secret_is_changed_without_a_request_that_nobody_can_verify():
    endpoint = (new_id(), new_id())
    (old,), (new,) = endpoint_secrets("first", *endpoint), endpoint_secrets("second\n", *endpoint)
    both = endpoint_secrets("second first\n", *endpoint)
    assert both == [new, old]
    now = datetime.now(UTC)
    signatures = webhook_headers(both, "id", now, b"{}")["webhook-signature"].split(" ")
    assert signatures == [webhook_headers([one], "id", now, b"{}")["webhook-signature"] for one in (new, old)]
    assert endpoint_secrets(" \n", *endpoint) == []


def test_a_body_is_the_same_at_every_delivery():
    one = warning(ORGANIZATION)
    again = Event.of_message(one.to_message())
    assert webhook_body(one) == webhook_body(again)
    assert b'"type":"quota.warning"' in webhook_body(one)


@pytest.mark.parametrize(
    ("topics", "topic", "wanted"),
    [
        (("quota.warning",), "quota.warning", True),
        (("quota.warning",), "quota.warnings", False),
        (("quota.*",), "quota.warning", True),
        (("quota.*",), "quotas.warning", False),
        (("*",), "usage.recorded", True),
        (("budget.*", "quota.warning"), "quota.warning", True),
        ((), "quota.warning", False),
    ],
)
def test_topics(topics, topic, wanted):
    assert wants_topic(topics, topic) == wanted


def test_a_warning_in_words():
    words = wording(warning(ORGANIZATION, 80), "Acme")
    assert words.subject == "[Footnote] 80 % of messages of Acme used"
    assert "80 of 100 are used." in words.text
    assert "01 December 2026" in words.text
    assert "refused" not in words.text
    assert "refused" in wording(warning(ORGANIZATION, 100), "Acme").text


@pytest.mark.parametrize(
    ("meter", "used", "limit", "says"),
    [
        ("storage_bytes", 83_886_080, 104_857_600, "80.0 MB of 100.0 MB"),
        ("cost", 8_129_999, 10_000_000, "$8.12 of $10.00"),
        ("api_calls", 1_234, 10_000, "1,234 of 10,000"),
    ],
)
def test_amounts(meter, used, limit, says):
    assert says in wording(warning(ORGANIZATION, meter=meter, used=used, limit=limit), "Acme").text


def test_a_members_own_warning_says_so():
    words = wording(warning(ORGANIZATION, user_id=str(new_id()), reset_at=None), "Acme")
    assert "your own messages" in words.subject
    assert "begins anew" not in words.text


def test_nothing_of_a_name_is_taken_for_markup_or_for_a_header():
    name = 'A<script>alert("1")</script>\r\nBcc: everybody@example.com & Sons'
    words = wording(warning(ORGANIZATION), name)
    assert "\n" not in words.subject
    assert "\r" not in words.subject
    assert "<script>" not in words.html
    assert "&lt;script&gt;" in words.html
    assert "&amp; Sons" in words.html
    assert "<script>" in words.text


def test_budgets_and_webhooks_in_words():
    spent = {"spent": 8_000_000, "limit": 10_000_000}
    words = wording(event("budget.threshold", threshold=80, **spent), "Acme")
    assert words.subject == "[Footnote] 80 % of the budget is spent: Acme"
    assert "$8.00 of $10.00" in words.text
    words = wording(event("budget.stage", stage="soft", **spent), "Acme")
    assert words.subject == "[Footnote] The budget's stage is soft now: Acme"
    assert "at less cost" in words.text
    assert wording(event("budget.changed"), "Acme") is not None
    words = wording(event("webhook.disabled", url="https://a.example/", reason="410"), "Acme")
    assert "https://a.example/" in words.text


INVOICE = {
    "number": "FN-2026-000007",
    "total_cents": 123_456,
    "currency": "USD",
    "provider": "manual",
    "due_at": "2026-05-16T00:00:00+00:00",
}


def test_an_invoice_is_told_with_its_amount_and_last_day():
    words = wording(event("invoice.issued", **INVOICE), "Acme\r\n")
    assert words.subject == "[Footnote] Invoice FN-2026-000007 of Acme"
    assert "1,234.56 USD, to be paid by 15 May 2026" in words.text


@pytest.mark.parametrize("change", [{"total_cents": 0}, {"total_cents": -5}, {"provider": "stripe"}])
def test_nobody_is_told_to_pay_what_is_not_to_be_paid_here(change):
    assert wording(event("invoice.issued", **INVOICE | change), "Acme") is None


def test_who_has_not_paid_is_told_before_and_after_the_end():
    late = wording(event("subscription.past_due", since="2026-05-16T00:00:00+00:00"), "Acme")
    assert "overdue" in late.subject
    assert "ends if nothing is paid" in late.text
    assert "has ended" in wording(event("subscription.ended_unpaid", plan="free"), "Acme").subject


def test_nobody_is_mailed_about_usage():
    assert wording(replace(usage(ORGANIZATION, 1)), "Acme") is None


def test_who_has_paid_twice_is_told_what_becomes_of_it():
    found = wording(event("subscription.duplicate", subscription_ref="sub_2"), "Acme")
    assert "Acme has subscribed twice" in found.subject
    assert "given back in full" in found.text
    assert "sub_2" in found.text
    done = event(
        "subscription.duplicate_refunded",
        subscription_ref="sub_2",
        refunded_cents=123_456,
        refund_refs=["re_1"],
    )
    assert "1,234.56 were given back" in wording(done, "Acme").text
    assert "re_1" in wording(done, "Acme").text
