"""Measures follow-up questions on a set like mtrag: search and abstention within conversations.

    python -m tests.evaluation.answers_followups SET [--limit N]

It prints nDCG@10 and failures in the top 5 of the last message alone and of the message within its
conversation, for first messages, for later ones that were taken as they are and for those that were taken to
depend on the conversation; and how many questions are answered of those the corpus answers and of the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from footnote.chat.context import pack
from footnote.chat.extractive import ExtractiveAnswerer
from footnote.evaluation import (
    EvaluationQuery,
    bootstrap_interval,
    load_dataset,
    mean,
    ndcg,
    success,
)
from footnote.knowledge import RetrievedPassage, SearchFilters, contextual_query, stand_alone
from footnote.models import GenerationRequest, Turn
from footnote.platform.settings import ChatSettings
from tests.evaluation.answers_corpus import Bench, Corpus, bench

_DEPTH = 50


@dataclass(frozen=True)
class Scores:
    """nDCG@10 and whether the top 5 hold nothing relevant: of the message alone, and in its conversation."""

    alone: float
    within: float
    failed_alone: float
    failed_within: float


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--limit", type=int, default=None)
    options = parser.parse_args()
    dataset = load_dataset(options.set, options.limit)
    rows = (json.loads(line) for line in (options.set / "queries.jsonl").read_text().splitlines())
    answerability = {row["id"]: row.get("answerability", "") for row in rows}
    scores: dict[str, list[Scores]] = defaultdict(list)
    answered: dict[str, list[float]] = defaultdict(list)
    async with bench() as stage:
        corpus = await stage.index(dataset.corpus)
        for query in dataset.queries:
            history = _turns(query)
            if query.relevance:
                scores[_kind(query, history)].append(await _search(stage, corpus, query, history))
            answered[answerability[query.id]].append(await _answered(stage, corpus, query, history))
    _print(scores, answered)


def _print(scores: dict[str, list[Scores]], answered: dict[str, list[float]]) -> None:
    print(f"{'messages':34} {'n':>4}  nDCG@10 alone, within     difference [95 %]     failures alone, within")
    everything = [one for some in scores.values() for one in some]
    for kind, some in [*sorted(scores.items()), ("all", everything)]:
        low, high = bootstrap_interval([one.within - one.alone for one in some])
        alone, within = mean([one.alone for one in some]), mean([one.within for one in some])
        failed = sum(one.failed_alone for one in some), sum(one.failed_within for one in some)
        print(f"{kind:34} {len(some):>4}  {alone:.3f}, {within:.3f}", end=" ")
        print(f"    {within - alone:+.3f} [{low:+.3f}, {high:+.3f}]    {failed[0]:.0f}, {failed[1]:.0f}")
    print(
        "answered: "
        + ", ".join(f"{kind} {mean(some):.3f} of {len(some)}" for kind, some in sorted(answered.items()))
    )


def _turns(query: EvaluationQuery) -> tuple[Turn, ...]:
    """As many as the orchestrator reads back."""
    return tuple(Turn(actor, text) for actor, text in query.history)[-2 * ChatSettings().history_turns :]


def _kind(query: EvaluationQuery, history: tuple[Turn, ...]) -> str:
    if not history:
        return "first"
    found = stand_alone(query.text, history)
    if found.conversation is None:
        return "later, taken as it is"
    return "later, mixed" if found.text == query.text else "later, mixed and words added"


async def _search(stage: Bench, corpus: Corpus, query: EvaluationQuery, history: tuple[Turn, ...]) -> Scores:
    alone = _ranking(corpus, await _found(stage, corpus, query, (), _DEPTH))
    within = _ranking(corpus, await _found(stage, corpus, query, history, _DEPTH))
    return Scores(
        ndcg(alone, query.relevance, 10),
        ndcg(within, query.relevance, 10),
        1.0 - success(alone, query.relevance, 5),
        1.0 - success(within, query.relevance, 5),
    )


async def _found(
    stage: Bench, corpus: Corpus, query: EvaluationQuery, history: tuple[Turn, ...], limit: int
) -> tuple[RetrievedPassage, ...]:
    text, vector = await contextual_query(query.text, history, stage.embedder)
    found = await stage.retriever.retrieve(
        corpus.context, text, filters=SearchFilters(), limit=limit, strategy="hybrid", vector=vector
    )
    return found.passages


def _ranking(corpus: Corpus, found: tuple[RetrievedPassage, ...]) -> list[str]:
    return list(dict.fromkeys(corpus.rows[one.passage.document_id] for one in found))


async def _answered(stage: Bench, corpus: Corpus, query: EvaluationQuery, history: tuple[Turn, ...]) -> float:
    found = await _found(stage, corpus, query, history, stage.settings.passages)
    passages = tuple(one.prompt for one in pack(found, stage.settings.context_tokens))
    request = GenerationRequest(corpus.context, query.text, passages, history)
    reading = await ExtractiveAnswerer(stage.embedder, stage.search).read(request)
    return float(reading is not None and reading.answers)


if __name__ == "__main__":
    asyncio.run(main())
