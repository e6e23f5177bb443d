"""The functions `evaluations` and `evaluator` on a real database, with the real embedding model."""

import pytest

from footnote.composition import Container
from footnote.platform.settings import EvaluationSettings, Settings
from functions.evaluations.handler import app
from tests.support.corpus import BAKERY, FAROL, index
from tests.support.embedding import InProcessEmbedder
from tests.support.functions import FunctionClient
from tests.support.organizations import new_organization

QUESTIONS = [
    {"text": "When was the lighthouse of Farol built?", "answers": ["1912"], "tags": ["sea"]},
    {
        "text": "Who built it?",
        "answers": ["Tomas Duarte"],
        "history": [
            {"actor": "user", "text": "When was the lighthouse of Farol built?"},
            {"actor": "assistant", "text": "It was built in 1912. [1]"},
        ],
    },
    {"text": "When does the bakery open?", "answers": ["six in the morning"]},
    {"text": "Which enzyme splits lactose?", "unanswerable": True},
]


@pytest.fixture(scope="session")
def embedder():
    return InProcessEmbedder()


@pytest.fixture
def services(database, embedder, monkeypatch):
    """The container of one warm process."""
    settings = Settings(environment="test", evaluation=EvaluationSettings(retry_s=0.0))
    container = Container(settings)
    container.__dict__ |= {"database": database, "embedder": embedder}
    for part in ("sets", "runs", "gates"):
        monkeypatch.setattr(f"functions.evaluations.{part}.container", lambda: container)
    return container


@pytest.fixture
def api(services):
    return FunctionClient(app)


@pytest.fixture
def owner(module_database):
    """A member whose organization is empty until `documents` are asked for."""
    return new_organization(module_database)


@pytest.fixture
async def documents(owner, database, embedder):
    """Two documents that can be searched; their ids."""
    farol, bakery = await index(database, embedder, owner, FAROL, BAKERY)
    return {"farol": str(farol), "bakery": str(bakery)}


@pytest.fixture
def call(api, owner):
    """One request of the owner; the body of the answer, whose status must be as expected."""

    async def call(method, path, body=None, status=200, context=owner, key=None):
        sent = {"Idempotency-Key": key} if key else None
        response = await api.call(context, method, f"/evaluations{path}", body, more_headers=sent)
        assert response.status_code == status, response.text
        is_json = response.headers.get("content-type", "").startswith("application/json")
        return response.json() if is_json and response.content else response.text

    return call


@pytest.fixture
def golden(call, documents):
    """Makes a set with the questions; its id."""

    async def golden(name="Toy", questions=None):
        set_id = (await call("POST", "/sets", {"name": name}, 201))["id"]
        places = [documents["farol"], documents["farol"], documents["bakery"], None]
        judged = questions or [
            question | ({"document_ids": [place]} if place else {})
            for question, place in zip(QUESTIONS, places, strict=True)
        ]
        await call("PUT", f"/sets/{set_id}/questions", {"questions": judged})
        return set_id

    return golden


@pytest.fixture
def evaluated(call, services):
    """Starts a run and works it off; the completed run."""

    async def evaluated(set_id, **body):
        run = await call("POST", "/runs", {"set_id": set_id, **body}, 201)
        await services.evaluator.work(60)
        done = await call("GET", f"/runs/{run['id']}")
        assert done["state"] == "completed", done["failure"]
        return done

    return evaluated
