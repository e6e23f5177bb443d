"""What each stage of search earns and costs, on judged sets, against the best simple method.

    python -m tests.evaluation.stages SETS --folds DIR [--sets NAME ...] [--limit N] [--json OUT] [--plot OUT]

`--folds` is a folder that `make ranker OPTIONS="--folds DIR"` has filled: each question is then ranked by a
model that has not seen it, nor its article or conversation. Without it the product's own model is used, which
was trained on these very sets: its figures say nothing about new questions.

A row is the product's search with one setting changed; its difference is paired, question by question, with
the product's default (95 % bootstrap interval). The last row is the simple method of
`tests/evaluation/baseline`, in the same run. Milliseconds are those of one search in this process without
the model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from footnote.evaluation import (
    Dataset,
    EvaluationQuery,
    bootstrap_interval,
    load_dataset,
    mean,
    ndcg,
    success,
)
from footnote.knowledge import FeatureRanker, StandAloneQuery, load_ensemble
from footnote.platform.settings import RetrievalSettings
from tests.evaluation.answers_corpus import Bench, Corpus, bench
from tests.evaluation.baseline import Baseline
from tests.evaluation.ranking_features import FOLDS, asked, fold_file, folds_of, groups_of
from tests.evaluation.stages_plot import plot

SETS = ("squad2", "scifact", "cranfield", "mtrag")
DEFAULT = "product"
BASELINE = "simple method"
_DEPTH = 10
_LIMIT = 30

STAGES: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    "no reranking (convex fusion)": {"rerank": "off"},
    "no reranking, RRF k=60": {"rerank": "off", "fusion": "rrf"},
    "words only": {"strategy": "lexical"},
    "vectors only": {"strategy": "vector"},
    "conversation ignored": {"conversation": False},
    "no expansions": {"expand": False},
    "ranker alone, not blended": {"ranker_weight": 1.0},
    "pool of 20": {"reranked": 20},
    "routed by query type": {"routing": "by_type"},
    "with diversity .2": {"diversity": 0.2},
    "with titles .1": {"title_weight": 0.1},
}


@dataclass(frozen=True)
class Outcome:
    """One stage on one set; the difference is to the product's default."""

    ndcg: float
    success_at_1: float
    difference: float
    low: float
    high: float
    milliseconds: float


class Rankers:
    """For each question a model that has not seen it, or the product's for all."""

    def __init__(self, folds: Path | None, groups: Mapping[str, str]) -> None:
        self._groups = groups
        self._folds = folds_of(groups.values()) if folds else {}
        paths = [fold_file(folds, fold) for fold in range(FOLDS)] if folds else []
        self.all = [FeatureRanker(load_ensemble(path)) for path in paths] or [FeatureRanker(load_ensemble())]

    def number(self, query: EvaluationQuery) -> int:
        return self._folds.get(self._groups[query.id], 0)


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--folds", type=Path)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--limit", type=int, help="questions of each set")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="SVG or PNG")
    options = parser.parse_args()
    results = {}
    for name in options.sets:
        dataset = load_dataset(options.directory / name, options.limit)
        rankers = Rankers(options.folds, groups_of(options.directory / name))
        results[name] = await measure(dataset, rankers)
        print(render(name, results[name]), flush=True)
    if options.json:
        figures = {
            name: {stage: asdict(one) for stage, one in rows.items()} for name, rows in results.items()
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.plot:
        differences = {
            name: {
                stage: (one.difference, one.low, one.high) for stage, one in rows.items() if stage != DEFAULT
            }
            for name, rows in results.items()
        }
        plot(differences, options.plot)


async def measure(dataset: Dataset, rankers: Rankers) -> dict[str, Outcome]:
    """Every stage on one set."""
    judged = [query for query in dataset.queries if query.relevance]
    rankings: dict[str, list[list[str]]] = {}
    spent: dict[str, float] = {}
    async with bench() as stage:
        corpus = await stage.index(dataset.corpus)
        questions = [await asked(stage, query) for query in judged]
        for name, changes in STAGES.items():
            rankings[name], spent[name] = await _run(stage, corpus, judged, questions, rankers, changes)
        baseline = Baseline(dataset.corpus, stage.dsn)
        started = time.perf_counter()
        rankings[BASELINE] = [baseline.ranking(query.text) for query in judged]
        spent[BASELINE] = 1000 * (time.perf_counter() - started) / len(judged)
    scores = {
        name: [ndcg(one, query.relevance, _DEPTH) for one, query in zip(found, judged, strict=True)]
        for name, found in rankings.items()
    }
    outcomes = {}
    for name, found in rankings.items():
        paired = [own - default for own, default in zip(scores[name], scores[DEFAULT], strict=True)]
        first = mean([success(one, query.relevance, 1) for one, query in zip(found, judged, strict=True)])
        low, high = bootstrap_interval(paired)
        outcomes[name] = Outcome(mean(scores[name]), first, mean(paired), low, high, spent[name])
    return outcomes


async def _run(
    stage: Bench,
    corpus: Corpus,
    queries: Sequence[EvaluationQuery],
    questions: Sequence[StandAloneQuery],
    rankers: Rankers,
    changes: Mapping[str, Any],
) -> tuple[list[list[str]], float]:
    """Rankings of all questions, and the median milliseconds of a search."""
    settings = {name: value for name, value in changes.items() if name not in {"strategy", "conversation"}}
    retrievers = [stage.retriever_with(RetrievalSettings(**settings), ranker) for ranker in rankers.all]
    await stage.embedder.embed_queries([query.text for query in queries])  # remembered from here on
    rankings, milliseconds = [], []
    for query, question in zip(queries, questions, strict=True):
        started = time.perf_counter()
        found = await retrievers[rankers.number(query)].retrieve(
            corpus.context,
            question if changes.get("conversation", True) else query.text,
            limit=_LIMIT,
            strategy=changes.get("strategy", "auto"),
        )
        milliseconds.append(1000 * (time.perf_counter() - started))
        rows = [corpus.rows[one.passage.document_id] for one in found.passages]
        rankings.append(list(dict.fromkeys(rows))[:_DEPTH])
    return rankings, statistics.median(milliseconds)


def render(name: str, outcomes: Mapping[str, Outcome]) -> str:
    """One row a stage."""
    lines = [f"\n{name:<32} nDCG@10  success@1  difference [95 %]             ms"]
    for stage, one in outcomes.items():
        told = f"{one.difference:+.4f} [{one.low:+.4f}, {one.high:+.4f}]" if stage != DEFAULT else ""
        lines.append(
            f"{stage:<32} {one.ndcg:>7.4f}  {one.success_at_1:>9.4f}  {told:<28}{one.milliseconds:>5.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main())
