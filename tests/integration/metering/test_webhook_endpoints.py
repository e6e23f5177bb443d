"""Webhook endpoints over HTTP: managers add, see, test and delete them."""

import pytest

from footnote.composition import Container
from footnote.platform.http import create_app
from footnote.platform.settings import EventSettings, Settings
from footnote.stores.secrets.extension import StaticSecrets
from functions.billing.webhook_endpoints import router
from tests.support.functions import FunctionClient
from tests.support.organizations import new_member, new_organization
from tests.support.receiver import running_receiver

PATH = "/billing/webhooks"


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def api(database, monkeypatch):
    """A warm process in which loopback addresses are right."""
    events = EventSettings(webhook_loopback=True, webhook_endpoints=3)
    settings = Settings(environment="test", events=events)
    settings = settings.model_copy(update={"rates": settings.rates.model_copy(update={"enabled": False})})
    container = Container(settings)
    container.__dict__ |= {"database": database, "secrets": StaticSecrets({"footnote/webhooks": "platform"})}
    for module in ("functions.billing.webhook_endpoints", "footnote.composition.admission_edge"):
        monkeypatch.setattr(f"{module}.container", lambda: container)
    app = create_app("webhooks")
    app.include_router(router)
    return FunctionClient(app)


@pytest.fixture
def owner(module_database):
    return new_organization(module_database)


async def add(api, context, url, **more):
    response = await api.call(context, "POST", PATH, {"url": url, **more})
    assert response.status_code == 201, response.text
    return response.json()


async def test_an_endpoint_from_its_first_day_to_its_last(api, owner, receiver):
    added = await add(api, owner, receiver.url(), topics=["quota.warning", "quota.warning"], description="x")
    endpoint = added["endpoint"]
    assert endpoint["topics"] == ["quota.warning"]
    assert (endpoint["enabled"], endpoint["failures"], endpoint["last_error"]) == (True, 0, None)
    listed = (await api.call(owner, "GET", PATH)).json()["endpoints"]
    assert listed == [endpoint]
    shown = await api.call(owner, "GET", f"{PATH}/{endpoint['id']}/secret")
    assert shown.json() == {"secret": added["secret"]}
    assert shown.headers["cache-control"] == "no-store"
    tested = (await api.call(owner, "POST", f"{PATH}/{endpoint['id']}/test")).json()
    assert tested == {"delivered": True, "status": 200, "error": None}
    [arrived] = receiver.received
    assert arrived.is_signed_with(added["secret"])
    assert arrived.event_id.startswith("test:")
    receiver.status = 500
    tested = (await api.call(owner, "POST", f"{PATH}/{endpoint['id']}/test")).json()
    assert tested == {"delivered": False, "status": 500, "error": "The receiver answered 500."}
    assert (await api.call(owner, "DELETE", f"{PATH}/{endpoint['id']}")).status_code == 204
    for method, path in (("DELETE", ""), ("GET", "/secret"), ("POST", "/test")):
        assert (await api.call(owner, method, f"{PATH}/{endpoint['id']}{path}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "https://10.0.0.1/"}, 422, "WEBHOOK_ADDRESS_REFUSED"),
        ({"url": "https://169.254.169.254/latest"}, 422, "WEBHOOK_ADDRESS_REFUSED"),
        ({"url": "http://1.1.1.1/"}, 422, "WEBHOOK_ADDRESS_REFUSED"),
        ({"url": "nonsense"}, 422, "WEBHOOK_ADDRESS_REFUSED"),
        ({"url": ""}, 422, "INVALID_REQUEST"),
        ({}, 422, "INVALID_REQUEST"),
        ({"url": "https://1.1.1.1/", "topics": []}, 422, "INVALID_REQUEST"),
        ({"url": "https://1.1.1.1/", "topics": ["Not a topic"]}, 422, "INVALID_REQUEST"),
        ({"url": "https://1.1.1.1/", "secret": "mine"}, 422, "INVALID_REQUEST"),
    ],
)
async def test_what_cannot_be_an_endpoint(api, owner, body, status, code):
    response = await api.call(owner, "POST", PATH, body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await api.call(owner, "GET", PATH)).json() == {"endpoints": []}


async def test_there_is_an_end_to_them(api, owner, receiver):
    for _ in range(3):
        await add(api, owner, receiver.url())
    response = await api.call(owner, "POST", PATH, {"url": receiver.url()})
    assert (response.status_code, response.json()["code"]) == (409, "CONFLICT")


async def test_only_managers_and_only_their_own(api, owner, module_database, receiver):
    added = await add(api, owner, receiver.url())
    one = f"{PATH}/{added['endpoint']['id']}"
    calls = [
        ("GET", PATH),
        ("POST", PATH),
        ("DELETE", one),
        ("GET", f"{one}/secret"),
        ("POST", f"{one}/test"),
    ]
    member = new_member(module_database, owner)
    for method, path in calls:
        body = {"url": receiver.url()} if (method, path) == ("POST", PATH) else None
        assert (await api.call(member, method, path, body)).status_code == 403
        assert (await api.call(None, method, path, body)).status_code == 401
    stranger = new_organization(module_database)
    for method, path in calls[2:]:
        assert (await api.call(stranger, method, path)).status_code == 404
    assert receiver.received == []
    admin = new_member(module_database, owner, "admin")
    assert len((await api.call(admin, "GET", PATH)).json()["endpoints"]) == 1
