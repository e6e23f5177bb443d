"""What dropping near-duplicates does for answers, in a corpus where half of the documents have a copy.

    python -m tests.evaluation.copies SET [--documents N] [--limit N]

A copy has another title and one word in sixty changed, as a second version of a file has. Prints how often
the golden answer stands in the passages that an answer may rest on, and of how many different documents
these are, at several thresholds.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path

from footnote.evaluation import (
    CorpusRow,
    EvaluationQuery,
    answer_contained,
    bootstrap_interval,
    load_dataset,
    mean,
)
from footnote.knowledge import FeatureRanker, Retriever, load_ensemble
from footnote.platform.settings import RetrievalSettings
from tests.evaluation.answers_corpus import Corpus, bench

_CHANGED = 60
THRESHOLDS = (None, 0.95, 0.9, 0.8, 0.7)


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--documents", type=int, default=400)
    parser.add_argument("--limit", type=int, default=300, help="questions")
    options = parser.parse_args()
    dataset = load_dataset(options.set)
    rows = dataset.corpus[: options.documents]
    there = {row.id for row in rows}
    questions = [
        one for one in dataset.queries if one.answers and there.issuperset(one.relevance) and one.relevance
    ]
    async with bench() as stage:
        corpus = await stage.index([*rows, *(copy_of(row) for row in rows[::2])])
        ranker = FeatureRanker(load_ensemble())
        found = {}
        for threshold in THRESHOLDS:
            retriever = stage.retriever_with(RetrievalSettings(near_duplicates=threshold), ranker)
            found[threshold] = [await _measure(retriever, corpus, one) for one in questions[: options.limit]]
    for threshold, outcomes in found.items():
        held, different = mean([one for one, _ in outcomes]), mean([two for _, two in outcomes])
        gain = [a - b for (a, _), (b, _) in zip(outcomes, found[None], strict=True)]
        low, high = bootstrap_interval(gain)
        print(
            f"dropped from {threshold or 'nothing':>7}: answer in the passages {held:.4f}"
            f" ({mean(gain):+.4f} [{low:+.4f}, {high:+.4f}]), different documents {different:.2f}"
        )


def copy_of(row: CorpusRow) -> CorpusRow:
    """The row as a second version of the file would be."""
    words = row.text.split(" ")
    words[::_CHANGED] = ["updated"] * len(words[::_CHANGED])
    return replace(row, id=f"{row.id} copy", title=f"{row.title} (final)", text=" ".join(words))


async def _measure(retriever: Retriever, corpus: Corpus, query: EvaluationQuery) -> tuple[float, float]:
    found = await retriever.retrieve(corpus.context, query.text)
    text = " ".join(one.passage.text for one in found.passages)
    documents = {corpus.rows[one.passage.document_id].removesuffix(" copy") for one in found.passages}
    return float(answer_contained(text, query.answers)), float(len(documents))


if __name__ == "__main__":
    asyncio.run(main())
