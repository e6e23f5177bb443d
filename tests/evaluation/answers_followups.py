"""Measures follow-up questions on a set like mtrag: search and abstention within conversations.

    python -m tests.evaluation.answers_followups SET [--limit N]

It prints nDCG@10 and failures in the top 5 (no relevant document among the first five) of the last message
alone and of the message within its conversation: for all, for first messages, for later ones that were taken
as they are, and for those that were taken to depend on the conversation, by the kind of reason; for later
ones that a person found to stand on their own (whose rewrite in the set brings no word of the conversation),
and for those a person found to depend; with `--answers` also how many questions are answered of those the
corpus answers and of the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
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
ALL = "all"


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
    parser.add_argument("--answers", action="store_true", help="also read the passages")
    options = parser.parse_args()
    dataset = load_dataset(options.set, options.limit)
    rows = (json.loads(line) for line in (options.set / "queries.jsonl").read_text().splitlines())
    known = {row["id"]: row for row in rows}
    scores: dict[str, list[Scores]] = defaultdict(list)
    answered: dict[str, list[float]] = defaultdict(list)
    async with bench() as stage:
        corpus = await stage.index(dataset.corpus)
        for query in dataset.queries:
            history = _turns(query)
            if query.relevance:
                one = await _search(stage, corpus, query, history)
                for kind in _kinds(query, history, known[query.id].get("rewrite")):
                    scores[kind].append(one)
            if options.answers:
                kind = known[query.id].get("answerability", "")
                answered[kind].append(await _answered(stage, corpus, query, history))
    _print(scores, answered)


def _print(scores: dict[str, list[Scores]], answered: dict[str, list[float]]) -> None:
    print(f"{'messages':52} {'n':>4}  nDCG@10 alone, within     difference [95 %]     failures alone, within")
    for kind, some in sorted(scores.items()):
        low, high = bootstrap_interval([one.within - one.alone for one in some])
        alone, within = mean([one.alone for one in some]), mean([one.within for one in some])
        failed = sum(one.failed_alone for one in some), sum(one.failed_within for one in some)
        print(f"{kind:52} {len(some):>4}  {alone:.3f}, {within:.3f}", end=" ")
        print(f"    {within - alone:+.3f} [{low:+.3f}, {high:+.3f}]    {failed[0]:.0f}, {failed[1]:.0f}")
    if scores[ALL] and (alone := sum(one.failed_alone for one in scores[ALL])):
        fewer = 1 - sum(one.failed_within for one in scores[ALL]) / alone
        print(f"failures in the top 5: {fewer:.0%} fewer than with the last message alone")
    if not answered:
        return
    print(
        "answered: "
        + ", ".join(f"{kind} {mean(some):.3f} of {len(some)}" for kind, some in sorted(answered.items()))
    )


def _turns(query: EvaluationQuery) -> tuple[Turn, ...]:
    """As many as the orchestrator reads back."""
    return tuple(Turn(actor, text) for actor, text in query.history)[-2 * ChatSettings().history_turns :]


def _kinds(query: EvaluationQuery, history: tuple[Turn, ...], rewrite: str | None) -> list[str]:
    if not history:
        return [ALL, "first"]
    found = stand_alone(query.text, history)
    kinds = [ALL, "later, depends" if found.depends else "later, taken as it is"]
    if found.depends:
        kinds.append(f"  {found.reason.split('“')[0].strip(' .:')}")
    if rewrite:
        new = _words(rewrite) - _words(query.text)
        leans = bool(new & _words(" ".join(turn.text for turn in history[-2:])))
        kinds.append(f"person: {'depends' if leans else 'stands alone'}")
    return kinds


def _words(text: str) -> set[str]:
    return {word[:5] for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}


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
    stage: Bench, corpus: Corpus, query: EvaluationQuery, history: tuple[Turn, ...], limit: int | None
) -> tuple[RetrievedPassage, ...]:
    asked = await contextual_query(query.text, history, stage.embedder)
    found = await stage.retriever.retrieve(
        corpus.context, asked, filters=SearchFilters(), limit=limit, strategy="auto"
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
