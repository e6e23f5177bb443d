"""Webhooks over real sockets: what arrives, what a hostile receiver can do, and where nothing is sent."""

import asyncio
import ipaddress
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from footnote.billing.notifications import WebhookRefused
from footnote.billing.notifications.signing import endpoint_secrets, webhook_headers
from footnote.platform.ids import new_id
from footnote.platform.settings import EventSettings
from footnote.stores.webhooks.addresses import is_public, resolve
from footnote.stores.webhooks.sender import HttpWebhookSender
from tests.support.receiver import running_receiver

BODY = b'{"type":"quota.warning"}'


@pytest.fixture(scope="module")
def receiver():
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def sender():
    return HttpWebhookSender(EventSettings(webhook_loopback=True, webhook_limit_s=0.8))


async def send(sender, url, secret="whsec_c2VjcmV0"):
    return await sender.send(url, webhook_headers([secret], "event-1", datetime.now(UTC), BODY), BODY)


async def test_a_receiver_can_verify_what_arrives(receiver, sender):
    (secret,) = endpoint_secrets("the-platforms-secret", new_id(), new_id())
    response = await send(sender, receiver.url("/verified?x=1"), secret)
    assert (response.status, response.error) == (200, None)
    arrived = receiver.received[-1]
    assert (arrived.path, arrived.body, arrived.event_id) == ("/verified?x=1", BODY, "event-1")
    assert arrived.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert arrived.is_signed_with(secret)
    assert not arrived.is_signed_with("whsec_c2VjcmV0")


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
async def test_only_success_counts(receiver, sender, status):
    receiver.status = status
    try:
        response = await send(sender, receiver.url())
    finally:
        receiver.status = 200
    assert response.status == status
    assert str(status) in response.error
    assert response.is_gone == (status == 410)


async def test_redirects_are_not_followed(receiver, sender):
    response = await send(sender, receiver.url("/redirect"))
    assert response.status == 302
    assert "redirects are not followed" in response.error
    assert all(one.path != "/target" for one in receiver.received)


@pytest.mark.parametrize("path", ["/silent", "/drip", "/trickle"])
async def test_a_slow_receiver_has_its_time_and_no_more(receiver, sender, path):
    started = time.monotonic()
    response = await send(sender, receiver.url(path))
    assert "within 0.8 seconds" in response.error
    assert time.monotonic() - started < 5


async def test_an_endless_answer_is_cut(receiver, sender):
    response = await send(sender, receiver.url("/endless"))
    assert (response.status, response.error) == (200, None)


async def test_an_answer_that_is_no_http(receiver, sender):
    response = await send(sender, receiver.url("/nonsense"))
    assert response.status is None
    assert "RemoteProtocolError" in response.error


async def test_nobody_listens(sender):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    response = await send(sender, f"http://127.0.0.1:{port}/")
    assert "ConnectError" in response.error


# Where nothing may go -------------------------------------------------------------------------------------

REFUSED = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://localhost/",
    "https://localhost./",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://100.64.0.1/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:101:101::]/",
    "https://[64:ff9b:1::101:101]/",
    "https://[2001:0:101:101::fefe:fefe]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "http://1.1.1.1/",
    "ftp://1.1.1.1/",
    "file:///etc/passwd",
    "gopher://1.1.1.1/",
    "https://user:password@1.1.1.1/",
    "https://1.1.1.1:99999/",
    "https:///path",
    "https://",
    "//1.1.1.1/",
    "1.1.1.1",
    "https://1.1.1.1/\r\nHost: evil",
    "https://exämple.com/",
    "https://1.1.1.1\\@127.0.0.1/",
    "https://no-such-host.invalid/",
    "https://" + "a" * 3000 + ".com/",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_addresses_that_are_refused(url):
    sender = HttpWebhookSender(EventSettings())
    with pytest.raises(WebhookRefused) as refused:
        await sender.check(url)
    assert refused.value.status == 422
    response = await send(sender, url)
    assert response.status is None
    assert response.error == refused.value.message


@pytest.mark.parametrize("url", ["https://1.1.1.1/", "https://[2606:4700::1111]:8443/hook?a=b"])
async def test_public_addresses_are_right(url):
    target = await resolve(url, allow_loopback=False)
    assert target.url.startswith("https://")


async def test_loopback_where_it_is_allowed_opens_nothing_else():
    for url in ("https://10.1.2.3/", "https://169.254.169.254/", "http://1.1.1.1/", "http://10.0.0.1/"):
        with pytest.raises(WebhookRefused):
            await resolve(url, allow_loopback=True)
    assert (await resolve("http://127.0.0.1:80/", allow_loopback=True)).host == "127.0.0.1:80"


@pytest.fixture
async def names(monkeypatch):
    """The answers of a name server that the customer owns, one after the other."""
    answers = []

    async def getaddrinfo(host, port, **_):
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return answers


async def test_one_private_address_among_public_ones_is_enough(names):
    names.append(["1.1.1.1", "10.0.0.1"])
    with pytest.raises(WebhookRefused):
        await resolve("https://customer.example/", allow_loopback=False)


async def test_the_name_is_not_looked_up_again(names):
    """DNS rebinding: the second answer would lead into our network."""
    names += [["1.1.1.1"], ["127.0.0.1"]]
    target = await resolve("https://customer.example/hook", allow_loopback=False)
    assert target.url == "https://1.1.1.1:443/hook"
    assert (target.host, target.name) == ("customer.example", "customer.example")


def test_what_is_wrapped_is_looked_at():
    assert not is_public(ipaddress.ip_address("::ffff:10.0.0.1"))
    assert is_public(ipaddress.ip_address("::ffff:1.1.1.1"))
    assert is_public(ipaddress.ip_address("64:ff9b::101:101"))


# TLS ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for customer.example, its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "customer.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("customer.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(built.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


@pytest.fixture(scope="module")
def secure(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    with running_receiver(context) as receiver:
        yield receiver


async def test_the_certificate_is_that_of_the_name_not_of_the_address(secure, certificate, names):
    names.append(["127.0.0.1"])
    trust = ssl.create_default_context(cafile=certificate / "certificate.pem")
    sender = HttpWebhookSender(EventSettings(webhook_loopback=True), trust)
    response = await send(sender, f"https://customer.example:{secure.port}/hook")
    assert (response.status, response.error) == (200, None)
    assert secure.received[-1].headers["host"] == f"customer.example:{secure.port}"
    response = await send(sender, f"https://another.example:{secure.port}/hook")
    assert response.status is None
    assert "ConnectError" in response.error


async def test_an_unknown_authority_is_not_trusted(secure, names):
    names.append(["127.0.0.1"])
    sender = HttpWebhookSender(EventSettings(webhook_loopback=True))
    response = await send(sender, f"https://customer.example:{secure.port}/hook")
    assert "ConnectError" in response.error
