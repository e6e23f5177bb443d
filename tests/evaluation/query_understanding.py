"""Measures what the analysis of queries decides: which words are added, and which way is searched.

    python -m tests.evaluation.query_understanding SETS [--limit N] [--set NAME]

For each set it prints nDCG@10 of lexical search without and with expansion, over all queries and over those
that get words added; then, by the type of the query, of hybrid, lexical and vector search. No ranker follows,
so that the legs are seen as they are.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from pathlib import Path

from footnote.evaluation import Dataset, EvaluationQuery, bootstrap_interval, load_dataset, mean, ndcg
from footnote.knowledge import Retriever, Strategy, analyze_query
from footnote.platform.settings import RetrievalSettings
from tests.evaluation.answers_corpus import Bench, Corpus, bench

SETS = ("squad2", "scifact", "cranfield", "mtrag")
STRATEGIES: tuple[Strategy, ...] = ("hybrid", "lexical", "vector")
_PLAIN = {"rerank": "off", "near_duplicates": None}
_DEPTH = 50


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--limit", type=int, default=None, help="queries of each set")
    parser.add_argument("--set", action="append", choices=SETS, help="only these")
    options = parser.parse_args()
    by_type: dict[str, list[list[float]]] = defaultdict(list)
    async with bench() as stage:
        for name in options.set or SETS:
            dataset = load_dataset(options.sets / name, options.limit)
            corpus = await stage.index(dataset.corpus)
            await _expansion(stage, corpus, dataset, name)
            await _strategies(stage, corpus, dataset, by_type)
    print(f"\n{'type':10} {'n':>5}  nDCG@10 {', '.join(STRATEGIES)}")
    for kind, scores in sorted(by_type.items()):
        means = [mean(column) for column in zip(*scores, strict=True)]
        print(f"{kind:10} {len(scores):>5}  {', '.join(f'{value:.3f}' for value in means)}")


async def _expansion(stage: Bench, corpus: Corpus, dataset: Dataset, name: str) -> None:
    without = stage.retriever_with(RetrievalSettings(**_PLAIN, expand=False), None)
    with_words = stage.retriever_with(RetrievalSettings(**_PLAIN, expand=True), None)
    plain: list[float] = []
    differences: list[float] = []
    for query in _answerable(dataset):
        plain.append(await _score(without, corpus, query, "lexical"))
        expanded = bool(analyze_query(query.text).expansions)
        new = await _score(with_words, corpus, query, "lexical") if expanded else plain[-1]
        differences.append(new - plain[-1])
    low, high = bootstrap_interval(differences)
    better, worse = sum(one > 0 for one in differences), sum(one < 0 for one in differences)
    interval = f"[{low:+.5f}, {high:+.5f}]"
    print(
        f"{name:10} lexical {mean(plain):.4f}, with expansion {mean(differences):+.5f} {interval}; "
        f"{better} queries better, {worse} worse of {len(differences)}",
        flush=True,
    )


async def _strategies(
    stage: Bench, corpus: Corpus, dataset: Dataset, by_type: dict[str, list[list[float]]]
) -> None:
    retriever = stage.retriever_with(RetrievalSettings(**_PLAIN), None)
    for query in _answerable(dataset):
        scores = [await _score(retriever, corpus, query, strategy) for strategy in STRATEGIES]
        by_type[analyze_query(query.text).type.value].append(scores)


def _answerable(dataset: Dataset) -> list[EvaluationQuery]:
    return [query for query in dataset.queries if query.relevance]


async def _score(retriever: Retriever, corpus: Corpus, query: EvaluationQuery, strategy: Strategy) -> float:
    found = await retriever.retrieve(corpus.context, query.text, limit=_DEPTH, strategy=strategy)
    ranking = list(dict.fromkeys(corpus.rows[one.passage.document_id] for one in found.passages))
    return ndcg(ranking, query.relevance, 10)


if __name__ == "__main__":
    asyncio.run(main())
