"""A judged set as short texts and questions, the same for every system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from footnote.evaluation import CorpusRow, EvaluationQuery, load_dataset, mean, ndcg
from tests.performance.peers.protocol import ShortText

DEFAULT_CORPUS = Path("../shared/data/evaluation/squad2")
DEPTH = 10


@dataclass(frozen=True)
class Corpus:
    """Rows and the judged questions about them."""

    name: str
    rows: tuple[CorpusRow, ...]
    queries: tuple[EvaluationQuery, ...]

    def short_texts(self) -> tuple[ShortText, ...]:
        """Rows as the peers embed them: title, then text."""
        return tuple(
            ShortText(row.id, f"{row.title}. {row.text}" if row.title else row.text) for row in self.rows
        )

    def ndcg(self, rankings: Sequence[Sequence[str]]) -> float:
        """Mean nDCG@10 of one ranking per question."""
        scores = [
            ndcg(ranking, query.relevance, DEPTH)
            for query, ranking in zip(self.queries, rankings, strict=True)
        ]
        return mean(scores)


def load(directory: Path, rows: int | None, queries: int = 0) -> Corpus:
    """Reads a set; rows whose text occurred before are left out, as they are one document to Footnote.

    Args:
        rows: At most so many rows; with fewer than all, quality figures mean little.
        queries: At most so many judged questions without history, spread evenly over the set.
    """
    dataset = load_dataset(directory)
    distinct: Mapping[str, CorpusRow] = {row.text: row for row in reversed(dataset.corpus)}
    kept = [row for row in dataset.corpus if distinct[row.text] is row][:rows]
    ids = {row.id for row in kept}
    judged = [query for query in dataset.queries if ids.intersection(query.relevance) and not query.history]
    step = max(1, len(judged) // queries) if queries else 1
    return Corpus(dataset.name, tuple(kept), tuple(judged[::step][:queries]))
