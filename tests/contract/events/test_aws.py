"""Queue and mail through AWS's APIs: as moto speaks them, and as the local stack's edge checks them."""

import email
import email.policy
import json

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends

from footnote.billing.notifications import Mail
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import EventSettings
from footnote.stores.aws.client import AwsRefused
from footnote.stores.ses.mailer import SesMailer
from footnote.stores.sqs.queue import SqsQueue
from tests.support.edge import running_edge

REGION = "us-east-1"
MAIL = Mail(
    "owner@example.com", "80 % – “used”", "Plain & simple: ä\n", "<p>Plain &amp; simple</p>", "warning:1"
)


@pytest.fixture(scope="module")
def aws():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


def official(service, aws):
    return boto3.client(service, endpoint_url=aws, region_name=REGION)


async def test_messages_reach_the_queue(aws):
    client = official("sqs", aws)
    url = client.create_queue(QueueName="events")["QueueUrl"]
    queue = SqsQueue(EventSettings(endpoint_url=aws))
    bodies = [json.dumps({"number": number, "text": "ä“"}) for number in range(10)]
    assert await queue.send(bodies) == list(range(10))
    assert await queue.send(bodies[:1]) == [0]
    received = []
    while len(received) < 11:
        messages = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        received += [message["Body"] for message in messages]
    assert sorted(received) == sorted([*bodies, bodies[0]])
    await queue.close()


async def test_a_queue_that_is_not_there(aws):
    queue = SqsQueue(EventSettings(endpoint_url=aws, queue="nowhere"))
    with pytest.raises(AwsRefused) as refused:
        await queue.send(["a"])
    assert "NonExistentQueue" in refused.value.error_code or "QueueDoesNotExist" in refused.value.error_code


async def test_mail_is_handed_over(aws):
    official("sesv2", aws).create_email_identity(EmailIdentity="no-reply@footnote.example")
    settings = EventSettings(endpoint_url=aws, mail_from="Footnote <no-reply@footnote.example>")
    await SesMailer(settings).send(MAIL)
    [sent] = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
    assert sent.source == settings.mail_from
    assert sent.destinations["ToAddresses"] == ["owner@example.com"]
    assert sent.subject == MAIL.subject


async def test_mail_of_a_sender_that_is_not_verified_is_refused(aws):
    with pytest.raises(AwsRefused):
        await SesMailer(EventSettings(endpoint_url=aws, mail_from="stranger@nowhere.example")).send(MAIL)


@pytest.mark.parametrize("client", [SqsQueue, SesMailer])
async def test_nobody_answers(client):
    settings = EventSettings(endpoint_url="http://127.0.0.1:1", mail_from="a@b.example")
    with pytest.raises(ServiceUnavailable):
        await client(settings).send(MAIL if client is SesMailer else ["a"])


async def test_without_credentials_nothing_is_sent(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ServiceUnavailable):
        await SqsQueue(EventSettings(endpoint_url=aws)).send(["a"])


# The local stack ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def edge():
    async with running_edge() as edge:
        yield edge


@pytest.fixture
def acting(edge, monkeypatch):
    """Signs as a function."""

    def acting(function):
        for name, value in edge.credentials(function).items():
            monkeypatch.setenv(name, value)

    return acting


async def test_only_who_is_granted_sends_to_the_local_queue(edge, acting):
    acting("metering")
    assert await SqsQueue(edge.events()).send(["a", "b"]) == [0, 1]
    assert edge.queues.counts("events") == (2, 0)
    with pytest.raises(AwsRefused, match="AccessDenied"):
        await SqsQueue(edge.events(queue="ingestion")).send(["a"])
    for function in ("notifier", "search"):
        acting(function)
        with pytest.raises(AwsRefused, match="AccessDenied"):
            await SqsQueue(edge.events()).send(["a"])
    assert edge.queues.counts("events") == (2, 0)


async def test_local_mail_can_be_looked_at(edge, acting):
    acting("notifier")
    await SesMailer(edge.events(mail_from="Footnote <no-reply@footnote.example>")).send(MAIL)
    [file] = edge.mail.glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert message["Subject"] == MAIL.subject
    assert message["To"] == MAIL.to
    assert message["X-Footnote-Event"] == MAIL.event_id
    assert message.get_body(("plain",)).get_content() == MAIL.text
    assert message.get_body(("html",)).get_content().strip() == MAIL.html


async def test_who_is_not_granted_mails_nobody(edge, acting):
    acting("metering")
    with pytest.raises(AwsRefused, match="AccessDenied"):
        await SesMailer(edge.events(mail_from="a@b.example")).send(MAIL)


async def test_a_subject_brings_no_headers_along(edge, acting):
    acting("notifier")
    before = len(list(edge.mail.glob("*.eml")))
    bad = Mail("a@b.example", "Hello\r\nBcc: everybody@example.com", "text", "html", "event")
    with pytest.raises(AwsRefused, match="BadRequest"):
        await SesMailer(edge.events(mail_from="a@b.example")).send(bad)
    assert len(list(edge.mail.glob("*.eml"))) == before
