"""What charging adds to an answer, as its reader feels it.

    python -m tests.performance.answer_charges [--answers N] [--json OUT]

On a real PostgreSQL that writes through to the disk, with the embedding model in the process and a language
model that answers at once, so that nothing hides the difference: answers with and without charges in turns,
in one run. The first event comes after the reservation and the search; `done` comes after the turn is stored,
and with it the charge.

Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from footnote.chat import ChatQuestion, Done, Retrieval, Token
from footnote.chat.extractive import ExtractiveAnswerer
from footnote.chat.generators import Generators, NoGenerator
from footnote.chat.orchestrator import ChatOrchestrator
from footnote.knowledge import Retriever
from footnote.models import Usage
from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import ChatSettings, RetrievalSettings
from footnote.stores.postgres.conversations import PostgresConversationStore
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.search import PostgresSearchStore
from tests.performance.admission import DURABLE
from tests.performance.figures import machine, milliseconds, percentile, save, table, warn_if_busy
from tests.support.charging import answer_charges
from tests.support.chat import QUESTION, ScriptedGenerator, finished
from tests.support.corpus import BAKERY, FAROL, index
from tests.support.embedding import InProcessEmbedder
from tests.support.organizations import new_organization, open_database
from tests.support.postgres import TestDatabase, running_cluster

WARM_UP = 10


def orchestrator(database: Database, embedder: InProcessEmbedder, *, charged: bool) -> ChatOrchestrator:
    """A process's orchestrator."""
    store, clock = PostgresSearchStore(database, RetrievalSettings()), SystemClock()
    extractive = ExtractiveAnswerer(embedder, store)
    writer = ScriptedGenerator("It was built in 1912 [1].", finished(usage=Usage(200, 30)))
    return ChatOrchestrator(
        retriever=Retriever(store, embedder, RetrievalSettings(), clock),
        conversations=PostgresConversationStore(database),
        embedder=embedder,
        generators=Generators(writer, extractive, NoGenerator()),
        clock=clock,
        settings=ChatSettings(),
        prompt_version="measured",
        charges=answer_charges(database) if charged else None,
    )


async def one(chat: ChatOrchestrator, context: OrganizationContext) -> tuple[float, float]:
    """Seconds from the question to the first event, and from the last token to `done`."""
    start = time.perf_counter()
    first = last = ended = 0.0
    async for event in chat.stream(context, ChatQuestion(QUESTION)):
        now = time.perf_counter()
        if isinstance(event, Retrieval):
            first = now - start
        elif isinstance(event, Token):
            last = now
        elif isinstance(event, Done):
            ended = now - last
    return first, ended


async def measure(cluster: TestDatabase, answers: int) -> dict[str, list[tuple[float, float]]]:
    """The times of `answers` answers of each kind, in turns."""
    database, embedder = open_database(cluster), InProcessEmbedder()
    context = new_organization(cluster)
    await index(database, embedder, context, FAROL, BAKERY)
    kinds = {
        name: orchestrator(database, embedder, charged=charged)
        for name, charged in (("not charged", False), ("charged", True))
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for turn in range(WARM_UP + answers):
        for name, chat in kinds.items():
            found = await one(chat, context)
            if turn >= WARM_UP:
                times[name].append(found)
    await database.close()
    return times


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--answers", type=int, default=200, help="of each kind (default: 200)")
    options.add_argument("--json", type=Path, help="write the figures here")
    chosen = options.parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_cluster(Path(folder), DURABLE) as cluster, cluster.migrated_database() as database:
            times = asyncio.run(measure(database, chosen.answers))
    rows = ("question to first event", "last token to done")
    seconds = {
        name: {
            f"{row}, p{round(100 * share)}": percentile([pair[place] for pair in found], share)
            for place, row in enumerate(rows)
            for share in (0.5, 0.95)
        }
        for name, found in times.items()
    }
    cells = {
        name: {row: milliseconds(value) for row, value in found.items()} for name, found in seconds.items()
    }
    print(table("an answer", cells))
    save(chosen.json, {"machine": on, "seconds": seconds, "answers": chosen.answers})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
