"""What caches cost and earn: `python -m tests.performance.caches [--rounds N]`.

On a real PostgreSQL, a real Redis and the real embedding model, in one process: a search and an answer
without caches, on a miss (with what looking up and keeping adds), and on hits in each tier; and the parts
of a semantic lookup with a full list of cached questions. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from footnote.chat import ChatQuestion
from footnote.chat.caching import CachedQuestion
from footnote.chat.caching.sameness import compare
from footnote.composition import Container
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import Settings
from footnote.stores.postgres.cached_questions import PostgresQuestionIndex
from footnote.stores.secrets.extension import StaticSecrets
from tests.performance.figures import percentile
from tests.support.corpus import BAKERY, FAROL, index
from tests.support.embedding import InProcessEmbedder
from tests.support.organizations import new_organization, open_database
from tests.support.postgres import TestDatabase, running_cluster
from tests.support.redis import RedisServer, running_redis

QUESTION = "When was the lighthouse of Farol built?"
SAME = "Can you tell me when the lighthouse of Farol was built?"
LISTED = 200

Call = Callable[[int], Awaitable[object]]


@contextmanager
def engines() -> Iterator[tuple[TestDatabase, RedisServer]]:
    with tempfile.TemporaryDirectory(prefix="footnote-caches-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        for part in ("postgres", "redis"):
            (directory / part).mkdir(mode=0o755)
        with (
            running_cluster(directory / "postgres") as cluster,
            running_redis(directory / "redis") as redis,
            cluster.migrated_database() as database,
        ):
            yield database, redis


async def measure(name: str, rounds: int, call: Call, before: Call | None = None) -> None:
    """Prints the median and the 95th percentile in milliseconds."""
    times = []
    for number in range(-3, rounds):
        if before is not None:
            await before(number)
        started = time.perf_counter()
        await call(number)
        if number >= 0:
            times.append(1000 * (time.perf_counter() - started))
    print(f"  {name:44s} {percentile(times, 0.5):7.2f} {percentile(times, 0.95):7.2f}")


def services(
    database: TestDatabase, redis: RedisServer, embedder: InProcessEmbedder, **caches: object
) -> Container:
    settings = Settings(
        environment="test", redis={"port": redis.port, "password_secret": "redis"}, caches=caches
    )
    container = Container(settings)
    secrets = StaticSecrets({"redis": redis.password})
    own = {"database": open_database(database), "embedder": embedder, "secrets": secrets}
    container.__dict__ |= own
    return container


class Bench:
    """One process and what it is asked; each method is one call to be timed, its argument ignored."""

    def __init__(self, process: Container, context: OrganizationContext, vector: list[float]) -> None:
        self.process = process
        self.context = context
        self.vector = vector
        self.questions = PostgresQuestionIndex(process.database, LISTED)

    async def search(self, _: int) -> object:
        return await self.process.retriever.retrieve(self.context, QUESTION)

    async def search_anew(self, _: int) -> object:
        return await self.process.uncached_retriever.retrieve(self.context, QUESTION)

    async def answer(self, _: int) -> object:
        return await self.process.chat.answer(self.context, ChatQuestion(QUESTION))

    async def answer_same(self, _: int) -> object:
        return await self.process.chat.answer(self.context, ChatQuestion(SAME))

    async def answer_anew(self, _: int) -> object:
        return await self.process.chat.answer(self.context, ChatQuestion(QUESTION, use_cache=False))

    async def flush(self, _: int) -> object:
        return await self.process.redis.run(lambda client: client.flushall())

    async def forget(self, _: int) -> None:
        for kind in ("search", "response"):
            await self.process.cache_states.invalidate(self.context, kind)

    async def fill(self) -> None:
        for number in range(LISTED):
            listed = CachedQuestion(f"Question {number}?", f"{number}", datetime.now(UTC))
            await self.questions.add(self.context, "scope", listed, self.vector, 600)

    async def nearest(self, _: int) -> object:
        return await self.questions.nearest(self.context, "scope", self.vector, 5)

    async def state(self, _: int) -> object:
        return await self.process.cache_states.current(self.context)

    async def check(self, _: int) -> object:
        return compare(QUESTION, SAME)


async def run(database: TestDatabase, redis: RedisServer, rounds: int) -> None:
    embedder = InProcessEmbedder()
    process = services(database, redis, embedder)
    context = new_organization(database)
    await index(process.database, embedder, context, FAROL, BAKERY)
    bench = Bench(process, context, (await embedder.embed_queries([QUESTION]))[0])
    print("milliseconds                                    median    95 %")
    await measure("search, no cache", rounds, bench.search_anew)
    await measure("search, miss", rounds, bench.search, bench.forget)
    await measure("search, hit in Redis", rounds, bench.search)
    await measure("search, hit in the store", rounds, bench.search, bench.flush)
    await measure("answer, no cache", rounds, bench.answer_anew)
    await measure("answer, miss", rounds, bench.answer, bench.forget)
    await measure("answer, hit in memory", rounds, bench.answer)
    await measure("answer, semantic hit", rounds, bench.answer_same)
    await bench.fill()
    await measure("corpus version and generations", rounds, bench.state)
    await measure(f"nearest of {LISTED} questions", rounds, bench.nearest)
    await measure("second check of one pair", rounds, bench.check)
    print(process.cache.statistics.snapshot())
    await process.redis.close()
    await process.database.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with engines() as (database, redis):
        asyncio.run(run(database, redis, options.rounds))


if __name__ == "__main__":
    main()
