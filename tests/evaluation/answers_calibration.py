"""Measures extractive answers and calibrates abstention on sets like squad2.

    python -m tests.evaluation.answers_calibration SETS [--limit N] [--answers] [--plot FILE] [--write]

SETS is the folder of the development sets. It prints how often the golden answer of a squad2 question stands
in an answer of one and of two sentences and in the product's own, and checks that every citation's span holds
what it claims; then AUROC and the curve of abstention, and its constants, which `--write` puts into
`footnote/chat/calibration.py`. `--answers` leaves abstention out.

Off-topic are the questions about the other half of squad2's articles, each half indexed by itself, and the
questions of the other sets. Some articles of the two halves share a topic (Genghis Khan, the Yuan dynasty):
not every such question is off topic. A regression is always scored on the half that it was not fitted on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from footnote.chat.context import pack
from footnote.chat.extractive import ExtractiveAnswerer, shown_text
from footnote.chat.passages import PackedPassage
from footnote.chat.sources import build_source
from footnote.evaluation import EvaluationQuery, answer_contained, load_dataset, mean
from footnote.models import Embedder, EvidenceSpan, GenerationRequest
from tests.evaluation.abstention_report import (
    ANSWERABLE,
    COLUMNS,
    NEAR_MISSES,
    constants,
    plot,
    report,
    write,
)
from tests.evaluation.answers_corpus import Bench, Corpus, bench
from tests.evaluation.regression import Array
from tests.support.chat import NoEmbedder

OTHER_SETS = ("cranfield", "scifact", "mtrag")
Observations = dict[str, dict[str, Array]]
"""By mode and kind of question the features, one row a question."""


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
    parser.add_argument("--answers", action="store_true", help="measure answers only")
    parser.add_argument("--plot", type=Path, help="where to write the curve, as SVG or PNG")
    parser.add_argument("--write", action="store_true", help="put the constants into the product")
    options = parser.parse_args()
    squad = Squad(options.sets / "squad2")
    async with bench() as stage:
        await measure_answers(stage, squad, options.limit)
        if options.answers:
            return
        strangers = [
            query
            for name in OTHER_SETS
            for query in load_dataset(options.sets / name).queries
            if not query.history
        ]
        halves = [await observe(stage, squad, half, strangers, options.limit) for half in squad.halves()]
    curves, found = {}, {}
    for mode, columns in COLUMNS.items():
        print(f"\nabstention, cosines {mode}" if mode != "lexical" else "\nabstention, words alone")
        own = [half[mode] for half in halves]
        curves[mode] = report(own, columns)
        found[mode] = constants(own, columns)
        print(f"  {mode.upper()} = {found[mode]}")
    if options.plot:
        plot(curves, options.plot)
    if options.write:
        print(f"written to {write(found)}")


async def measure_answers(stage: Bench, squad: Squad, limit: int | None) -> None:
    """Containment of one sentence, of two, and of the product's answer; and how long reading takes."""
    dataset = load_dataset(squad.directory)
    texts = {row.id: row.text for row in dataset.corpus}
    corpus = await stage.index(dataset.corpus)
    answerer = ExtractiveAnswerer(stage.embedder, stage.search, threshold=0.0)
    one, two, whole, precision, lengths, elapsed = [], [], [], [], [], []
    spans = 0
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
        cited = [(delta.text, span) for delta in deltas for span in delta.evidence]
        for shown, span in cited:
            check_citation(shown, span, packed[span.number - 1], texts, corpus)
        spans += len(cited)
        lengths.append(float(len(cited)))
        documents = {packed[span.number - 1].retrieved.passage.document_id for _, span in cited}
        precision.append(mean([float(corpus.rows[one_] in query.relevance) for one_ in documents]))
    print(
        f"golden answer contained, {len(one)} questions: one sentence {mean(one):.3f}, two {mean(two):.3f},"
    )
    print(f"  the product's answer {mean(whole):.3f} with {mean(lengths):.2f} citations", end=" ")
    print(f"({mean([float(length == 1) for length in lengths]):.2f} of the answers have one)", end=" ")
    print(f"and a citation precision of {mean(precision):.3f}")
    p50, p95 = np.percentile(elapsed, [50, 95])
    print(f"  {spans} citations hold what they claim; reading takes {p50:.0f} ms, p95 {p95:.0f} ms")


def check_citation(
    shown: str, span: EvidenceSpan, packed: PackedPassage, texts: dict[str, str], corpus: Corpus
) -> None:
    """Raises `AssertionError` unless the document says at the span of a citation what the answer quotes."""
    source = build_source(packed, [span])
    document = texts[corpus.rows[source.document_id]]
    for piece in source.evidence:
        if document[piece.start : piece.end] != piece.text:
            raise AssertionError(f"{piece} is not what stands there: {document[piece.start : piece.end]!r}")
        if shown_text(piece.text) not in shown:
            raise AssertionError(f"{shown!r} does not quote its evidence {piece}")


async def observe(
    stage: Bench, squad: Squad, half: set[str], strangers: Sequence[EvaluationQuery], limit: int | None
) -> Observations:
    """Features of all kinds of questions over one half of the articles."""
    dataset, article = load_dataset(squad.directory), squad.articles()
    corpus = await stage.index(
        row for row in dataset.corpus if row.id.rpartition("-")[0].removeprefix("squad-") in half
    )
    kinds: dict[str, Iterable[EvaluationQuery]] = {
        ANSWERABLE: (q for q in dataset.queries if not q.unanswerable and article[q.id] in half),
        NEAR_MISSES: (q for q in dataset.queries if q.unanswerable and article[q.id] in half),
        "off topic": (q for q in dataset.queries if not q.unanswerable and article[q.id] not in half),
        "other sets": strangers,
    }
    rows: dict[str, dict[str, list[tuple[float, ...]]]] = {
        mode: {kind: [] for kind in kinds} for mode in COLUMNS
    }
    for kind, queries in kinds.items():
        for query in list(queries)[:limit]:
            request = request_of(corpus, query, await passages_of(stage, corpus, query))
            for mode in COLUMNS:
                features = await features_of(stage, request, mode)
                if features is not None:
                    rows[mode][kind].append(features)
    return {
        mode: {kind: np.array(found, dtype=np.float64) for kind, found in of_mode.items()}
        for mode, of_mode in rows.items()
    }


async def features_of(stage: Bench, request: GenerationRequest, mode: str) -> tuple[float, ...] | None:
    """What the answerer sees of a question; `None` if it has nothing to read, or not in that mode."""
    if mode != "contextual":
        bare = tuple(replace(passage, sentences=()) for passage in request.passages)
        request = replace(request, passages=bare)
    embedder: Embedder = NoEmbedder() if mode == "lexical" else stage.embedder
    reading = await ExtractiveAnswerer(embedder, stage.search).read(request)
    if reading is None or reading.observed.mode != mode:
        return None
    return astuple(reading.observed.features)


async def passages_of(stage: Bench, corpus: Corpus, query: EvaluationQuery) -> list[PackedPassage]:
    """As the orchestrator packs them."""
    return pack(await stage.passages(corpus, query.text), stage.settings.context_tokens)


def request_of(corpus: Corpus, query: EvaluationQuery, packed: Sequence[PackedPassage]) -> GenerationRequest:
    """As the orchestrator makes it."""
    return GenerationRequest(corpus.context, query.text, tuple(one.prompt for one in packed))


if __name__ == "__main__":
    asyncio.run(main())
