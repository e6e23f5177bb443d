"""What an organization stores is counted to the byte, whatever happens to its documents."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footnote.knowledge.models import Block, ParsedDocument
from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Settlement, Used
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.ingestion import World
from tests.support.kill_points import Deadly, Forgetful, Killed, expire_leases
from tests.support.metering import assert_metering_is_exact, committed_of, end_holds, entitle
from tests.support.organizations import new_organization, open_database

TEXTS = ("Owls.", "The second text is about badgers.", "The third text: newts, which swim.", "Four.")
KEYS = ("a.txt", "b.txt", "c.txt")

step = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(TEXTS)),
    st.tuples(st.just("crash"), st.sampled_from(KEYS), st.sampled_from(TEXTS), st.integers(0, 9)),
    st.tuples(st.just("lost"), st.sampled_from(KEYS), st.sampled_from(TEXTS), st.integers(0, 9)),
    st.tuples(st.just("overtaken"), st.sampled_from(KEYS), st.sampled_from(TEXTS)),
    st.tuples(st.just("remove"), st.sampled_from(KEYS)),
    st.tuples(st.just("remove_version"), st.sampled_from(KEYS), st.integers(0, 3)),
    st.tuples(st.just("delete"), st.integers(0, 3)),
    st.tuples(st.just("again"), st.integers(0, 9)),
)


async def read_plainly(path, filename, _settings):
    """A parser without a process of its own."""
    text = path.read_text()
    return ParsedDocument(text, (Block(0, len(text), "paragraph"),), filename)


class Story:
    """One organization and everything that happens to it."""

    def __init__(self, module_database, database, limits):
        self.dsn = module_database.superuser_dsn
        self.module_database = module_database
        self.world = World(database, parse=read_plainly)
        self.organization = new_organization(module_database)
        if limits:
            entitle(self.dsn, self.organization.organization_id, json.dumps(limits))
        self.events = []

    async def happens(self, what, *details):
        try:
            await getattr(self, what)(*details)
        except (Killed, ServiceUnavailable, Conflict):
            # Dead, or to be delivered again, as where another document with the bytes is being replaced.
            expire_leases(self.module_database)
        assert_metering_is_exact(self.dsn, self.organization.organization_id)

    def _put(self, name, text):
        self.events.append(self.world.bucket.put(self.world.key(self.organization, name), text.encode()))
        return self.events[-1]

    async def put(self, name, text):
        await self.world.ingestion.ingest(self._put(name, text))

    async def crash(self, name, text, fatal):
        deadly = Deadly(fatal)
        ingestion = self.world.make_ingestion(
            store=deadly.wrap(self.world.store),
            quota=deadly.wrap(self.world.quota),
            embedder=deadly.wrap(self.world.embedder),
        )
        await ingestion.ingest(self._put(name, text))

    async def lost(self, name, text, number):
        forgetful = Forgetful(number)
        ingestion = self.world.make_ingestion(
            store=forgetful.wrap(self.world.store), quota=forgetful.wrap(self.world.quota)
        )
        await ingestion.ingest(self._put(name, text))

    async def overtaken(self, name, text):
        event = self._put(name, text)

        async def reserve(*arguments):
            answer = await self.world.quota.reserve(*arguments)
            expire_leases(self.module_database)
            await self.world.ingestion.ingest(event)
            return answer

        class Overtaken:
            release = self.world.quota.release

        Overtaken.reserve = staticmethod(reserve)
        await self.world.make_ingestion(quota=Overtaken).ingest(event)

    async def remove(self, name):
        self.events.append(self.world.bucket.remove(self.world.key(self.organization, name)))
        await self.world.ingestion.ingest(self.events[-1])

    async def remove_version(self, name, number):
        key = self.world.key(self.organization, name)
        versions = [event.version_id for event in self.events if event.key == key and event.created]
        if versions:
            self.events.append(self.world.bucket.remove_version(key, versions[number % len(versions)]))
            await self.world.ingestion.ingest(self.events[-1])

    async def delete(self, number):
        listed, _ = await self.world.documents.page(self.organization, limit=200)
        if listed:
            await self.world.documents.delete(self.organization, listed[number % len(listed)].id)

    async def again(self, number):
        if self.events:
            await self.world.ingestion.ingest(self.events[number % len(self.events)])

    async def ends(self):
        """Everything is delivered until it is done, and the time of what died passes."""
        due = list(self.events)
        for _ in range(5):
            waiting = []
            for event in due:
                try:
                    await self.world.ingestion.ingest(event)
                except Conflict:
                    waiting.append(event)
            due = waiting
        assert not due
        end_holds(self.dsn)
        assert_metering_is_exact(self.dsn, self.organization.organization_id, at_rest=True)


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(step, min_size=2, max_size=9),
    limits=st.sampled_from([None, {"documents": 2}, {"storage_bytes": 60}]),
)
def test_levels_are_what_is_stored_after_every_step(module_database, monkeypatch, steps, limits):
    monkeypatch.setattr("footnote.knowledge.ingestion._CHANGES", 1)
    monkeypatch.setattr("footnote.knowledge.ingestion._CLAIMS", 1)

    async def run():
        database = open_database(module_database)
        story = Story(module_database, database, limits)
        for one in steps:
            await story.happens(*one)
        await story.ends()
        for meter, limit in (limits or {}).items():
            assert committed_of(story.dsn, story.organization.organization_id).get(meter, 0) <= limit
        await database.close()

    asyncio.run(run())


async def test_documents_and_questions_at_once_neither_deadlock_nor_miscount(module_database):
    databases = [open_database(module_database) for _ in range(6)]
    organization = new_organization(module_database)
    bucket = World(databases[0]).bucket

    async def churn(database, name):
        world = World(database, bucket=bucket, parse=read_plainly)
        key = world.key(organization, name)
        for number in range(12):
            text = f"{name} says {number if number % 4 else 'the same'}."
            await world.ingestion.ingest(bucket.put(key, text.encode()))
            if number % 5 == 4:
                await world.ingestion.ingest(bucket.remove(key))

    async def ask(database):
        quota = PostgresQuotaStore(database, "enterprise")
        units = {Meter.MESSAGES: 1, Meter.EMBEDDING_TOKENS: 20, Meter.COST: 50}
        for _ in range(60):
            answer = await quota.reserve(organization, HoldRequest(new_id(), b"q", "chat", units, 60))
            used = (Used(Meter.MESSAGES, 1), Used(Meter.EMBEDDING_TOKENS, 7, "hashing", 3))
            await quota.settle(organization, Settlement(answer.hold_id, answer.attempt, used, 1))

    workers = [churn(database, f"{number}.txt") for number, database in enumerate(databases[:4])]
    await asyncio.gather(*workers, *(ask(database) for database in databases[4:]))
    assert_metering_is_exact(module_database.superuser_dsn, organization.organization_id, at_rest=True)
    assert committed_of(module_database.superuser_dsn, organization.organization_id)["messages"] == 120
    for database in databases:
        await database.close()
