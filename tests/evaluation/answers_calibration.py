"""Measures extractive answers and calibrates abstention on sets like squad2.

    python -m tests.evaluation.answers_calibration SETS [--limit N]

SETS is the folder of the development sets. It prints how often the golden answer of a squad2 question stands
in an answer of one and of two sentences and in the product's own, AUROC and the curve of abstention, and the
constants for `footnote/chat/calibration.py`.

Off-topic are the questions about the other half of squad2's articles, each half indexed by itself, and the
questions of the other sets. A regression is always scored on the half that it was not fitted on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from footnote.chat.abstention import Features, features
from footnote.chat.context import PackedPassage, pack
from footnote.chat.extractive import ExtractiveAnswerer, shown_text
from footnote.evaluation import EvaluationQuery, answer_contained, load_dataset, mean
from footnote.models import GenerationRequest
from tests.evaluation.answers_corpus import Bench, Corpus, bench
from tests.evaluation.regression import Array, Regression, auroc, fit

KEPT = 0.95
"""Share of the answerable questions that are to be answered."""
MARGIN = 0.01
"""Kept beyond it, so that other questions of the kind are kept too."""
OTHER_SETS = ("cranfield", "scifact", "mtrag")
OFF_TOPIC = ("off topic", "other sets")
FIELDS = ("cosine", "coverage", "passage", "missing")
REGRESSIONS = {"with vectors": (0, 1, 2, 3), "words alone": (1, 2, 3)}


@dataclass(frozen=True)
class Squad:
    """squad2 with the article of each question; also of the unanswerable ones."""

    directory: Path

    def halves(self) -> tuple[set[str], set[str]]:
        """The articles, every other one."""
        articles = sorted(set(self.articles().values()))
        return set(articles[0::2]), set(articles[1::2])

    def articles(self) -> dict[str, str]:
        """Article by question id."""
        rows = (json.loads(line) for line in (self.directory / "queries.jsonl").read_text().splitlines())
        return {row["id"]: row["article"] for row in rows}


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--limit", type=int, default=None, help="questions of each kind")
    options = parser.parse_args()
    strangers = [
        query
        for name in OTHER_SETS
        for query in load_dataset(options.sets / name).queries
        if not query.history
    ]
    squad = Squad(options.sets / "squad2")
    async with bench() as stage:
        await measure_answers(stage, squad, options.limit)
        halves = [await observe(stage, squad, half, strangers, options.limit) for half in squad.halves()]
    for name, columns in REGRESSIONS.items():
        print(f"\nabstention, {name}")
        report(halves, columns)


async def measure_answers(stage: Bench, squad: Squad, limit: int | None) -> None:
    """Containment of one sentence, of two, and of the product's answer; and how long reading takes."""
    dataset = load_dataset(squad.directory)
    corpus = await stage.index(dataset.corpus)
    answerer = ExtractiveAnswerer(stage.embedder, stage.search, threshold=0.0)
    one, two, whole, precision, lengths, elapsed = [], [], [], [], [], []
    for query in [query for query in dataset.queries if query.answers and not query.unanswerable][:limit]:
        packed = await passages_of(stage, corpus, query)
        request = request_of(corpus, query, packed)
        started = time.perf_counter()
        reading = await answerer.read(request)
        elapsed.append(1000 * (time.perf_counter() - started))
        best = [shown_text(candidate.sentence.text) for candidate in reading.ranked[:2]] if reading else [""]
        one.append(float(answer_contained(best[0], query.answers)))
        two.append(float(any(answer_contained(text, query.answers) for text in best)))
        deltas = [delta async for delta in answerer.stream(request)]
        whole.append(float(answer_contained("".join(delta.text for delta in deltas), query.answers)))
        numbers = [span.number for delta in deltas for span in delta.evidence]
        cited = {corpus.rows[packed[number - 1].retrieved.passage.document_id] for number in numbers}
        lengths.append(float(len(numbers)))
        precision.append(mean([float(row in query.relevance) for row in cited]))
    print(
        f"golden answer contained, {len(one)} questions: one sentence {mean(one):.3f}, two {mean(two):.3f},"
    )
    print(f"  the product's answer {mean(whole):.3f} with {mean(lengths):.2f} sentences", end=" ")
    print(f"and a citation precision of {mean(precision):.3f}")
    p50, p95 = np.percentile(elapsed, [50, 95])
    print(f"  reading takes {p50:.0f} ms, p95 {p95:.0f} ms")


async def observe(
    stage: Bench, squad: Squad, half: set[str], strangers: Sequence[EvaluationQuery], limit: int | None
) -> dict[str, Array]:
    """Features of all kinds of questions over one half of the articles; one row a question."""
    dataset, article = load_dataset(squad.directory), squad.articles()
    corpus = await stage.index(
        row for row in dataset.corpus if row.id.rpartition("-")[0].removeprefix("squad-") in half
    )
    kinds: dict[str, Iterable[EvaluationQuery]] = {
        "answerable": (q for q in dataset.queries if not q.unanswerable and article[q.id] in half),
        "near misses": (q for q in dataset.queries if q.unanswerable and article[q.id] in half),
        "off topic": (q for q in dataset.queries if not q.unanswerable and article[q.id] not in half),
        "other sets": strangers,
    }
    observed: dict[str, Array] = {}
    for kind, queries in kinds.items():
        rows = [await features_of(stage, corpus, query) for query in list(queries)[:limit]]
        observed[kind] = np.array([astuple(row) for row in rows if row is not None], dtype=np.float64)
    return observed


def report(halves: Sequence[dict[str, Array]], columns: Sequence[int]) -> None:
    """Figures of a regression across the halves, its curve, and its constants over both."""
    for train, test in ((0, 1), (1, 0)):
        model = regression([halves[train]], columns)
        scores = {kind: model.logits(rows[:, columns]) for kind, rows in halves[test].items()}
        limit = np.quantile(scores["answerable"], 1 - KEPT)
        print(f"  fitted on half {train}, scored on half {test}, {KEPT:.0%} of the answerable ones answered:")
        for kind in ("off topic", "other sets", "near misses"):
            answered = float((scores[kind] >= limit).mean())
            print(
                f"    {kind}: AUROC {auroc(scores['answerable'], scores[kind]):.4f}, answered {answered:.3f}"
            )
    model = regression(halves, columns)
    scores = {
        kind: np.concatenate([model.logits(half[kind][:, columns]) for half in halves]) for kind in halves[0]
    }
    print("  curve over both halves:   " + "  ".join(f"{kind:>11}" for kind in scores))
    for kept in (0.99, 0.98, 0.97, 0.96, 0.95, 0.90, 0.80):
        limit = np.quantile(scores["answerable"], 1 - kept)
        print(" " * 28 + "  ".join(f"{(one >= limit).mean():11.3f}" for one in scores.values()))
    threshold = float(np.quantile(scores["answerable"], 1 - KEPT - MARGIN))
    weights = dict(zip([FIELDS[column] for column in columns], model.weights.round(3).tolist(), strict=True))
    probability = 1 / (1 + np.exp(-threshold))
    print(f"  constants: bias={model.bias:.3f}, {weights}, threshold={probability:.3f}")


def regression(halves: Sequence[dict[str, Array]], columns: Sequence[int]) -> Regression:
    """Answerable against off topic."""
    positive = np.concatenate([half["answerable"] for half in halves])
    negative = np.concatenate([half[kind] for half in halves for kind in OFF_TOPIC])
    labels = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    return fit(np.concatenate([positive, negative])[:, columns], labels)


async def features_of(stage: Bench, corpus: Corpus, query: EvaluationQuery) -> Features | None:
    """What the answerer sees of a question; `None` if it has nothing to read."""
    answerer = ExtractiveAnswerer(stage.embedder, stage.search)
    reading = await answerer.read(request_of(corpus, query, await passages_of(stage, corpus, query)))
    return features(reading.ranked, reading.coverage) if reading else None


async def passages_of(stage: Bench, corpus: Corpus, query: EvaluationQuery) -> list[PackedPassage]:
    """As the orchestrator packs them."""
    return pack(await stage.passages(corpus, query.text), stage.settings.context_tokens)


def request_of(corpus: Corpus, query: EvaluationQuery, packed: Sequence[PackedPassage]) -> GenerationRequest:
    """As the orchestrator makes it."""
    return GenerationRequest(corpus.context, query.text, tuple(one.prompt for one in packed))


if __name__ == "__main__":
    asyncio.run(main())
