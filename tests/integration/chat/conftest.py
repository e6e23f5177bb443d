"""Chat on real engines: the embedding model, and corpora and conversations in Postgres."""

import json
from dataclasses import dataclass

import pytest

from footnote.chat.extractive import ExtractiveAnswerer
from footnote.chat.generators import Generators, NoGenerator
from footnote.chat.orchestrator import ChatOrchestrator
from footnote.knowledge import Retriever
from footnote.platform.clock import SystemClock
from footnote.platform.settings import ChatSettings, RetrievalSettings
from footnote.stores.postgres.conversations import PostgresConversationStore
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.charging import answer_charges, books_of
from tests.support.corpus import BAKERY, FAROL, index
from tests.support.embedding import InProcessEmbedder
from tests.support.metering import entitle
from tests.support.organizations import new_organization


@pytest.fixture(scope="session")
def embedder():
    return InProcessEmbedder()


@pytest.fixture
def search_store(database):
    return PostgresSearchStore(database, RetrievalSettings())


@pytest.fixture
def conversations(database):
    return PostgresConversationStore(database)


@pytest.fixture
def context(module_database):
    return new_organization(module_database)


@pytest.fixture
async def knowing(context, database, embedder):
    """A member whose organization knows a little."""
    await index(database, embedder, context, FAROL, BAKERY)
    return context


@dataclass
class Chat:
    """An orchestrator and what it is made of."""

    orchestrator: ChatOrchestrator
    extractive: ExtractiveAnswerer


@pytest.fixture
def make_chat(database, embedder, search_store, conversations):
    """Makes the orchestrator of a process; `grounded` and `free` are the models it has, if any."""

    def make(
        grounded=None,
        free=None,
        embedder=embedder,
        conversations=conversations,
        rewriter=None,
        charges=None,
        answers=None,
        **settings,
    ):
        extractive = ExtractiveAnswerer(embedder, search_store)
        writer = grounded(extractive) if grounded else extractive
        generators = Generators(writer, extractive, free or NoGenerator())
        orchestrator = ChatOrchestrator(
            retriever=Retriever(search_store, embedder, RetrievalSettings(), SystemClock()),
            conversations=conversations,
            embedder=embedder,
            generators=generators,
            clock=SystemClock(),
            settings=ChatSettings(**settings),
            prompt_version="test-1",
            rewriter=rewriter,
            charges=charges,
            answers=answers,
        )
        return Chat(orchestrator, extractive)

    return make


@pytest.fixture
def make_paid_chat(make_chat, database):
    """As `make_chat`, where answers are charged."""

    def make(grounded=None, *, plan="enterprise", store=None, **options):
        return make_chat(grounded, charges=answer_charges(database, plan, store), **options)

    return make


@pytest.fixture
def books(module_database, knowing):
    """What the organization was charged by now."""
    return lambda: books_of(module_database.superuser_dsn, knowing.organization_id)


@pytest.fixture
def limit(module_database, knowing):
    """Gives the organization limits of its own."""

    def limit(limits=None, **terms):
        entitle(module_database.superuser_dsn, knowing.organization_id, json.dumps(limits or {}), **terms)

    return limit
