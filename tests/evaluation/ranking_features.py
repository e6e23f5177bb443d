"""Features of real searches with their judgements: what the learned ranker is trained and measured on."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from footnote.evaluation import EvaluationQuery, load_dataset, ndcg
from footnote.knowledge import FeatureRanker, StandAloneQuery, contextual_query
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.knowledge.ranking.features import FEATURES, Contender, feature_columns
from footnote.knowledge.ranking.trees import Ensemble
from footnote.models import Turn
from footnote.platform.settings import ChatSettings, RetrievalSettings
from tests.evaluation.answers_corpus import Bench, Corpus

Array = npt.NDArray[np.float64]
DEPTH = 10
FOLDS = 5


@dataclass(frozen=True)
class Search:
    """One question's pool.

    Attributes:
        group: Questions of one group (an article, a conversation) are never split by cross-validation.
        matrix: Row a contender in fused order, column a feature.
        documents: Corpus row of each contender.
        relevance: Judgements by corpus row.
    """

    group: str
    matrix: Array
    documents: list[str]
    relevance: dict[str, int]

    @property
    def fused(self) -> Array:
        """Fused scores, best first."""
        return self.matrix[:, FEATURES.index("fused")]

    @property
    def labels(self) -> list[int]:
        return [int(self.relevance.get(document, 0) > 0) for document in self.documents]

    def ndcg(self, order: Sequence[int]) -> float:
        """nDCG@10 over documents if contenders stand in this order."""
        ranking = list(dict.fromkeys(self.documents[place] for place in order))
        return ndcg(ranking, self.relevance, DEPTH)


def save(searches: Sequence[Search], path: Path) -> None:
    """Keeps searches for another run."""
    rows = [{"group": one.group, "documents": one.documents, "relevance": one.relevance} for one in searches]
    matrices = {f"matrix_{place}": one.matrix for place, one in enumerate(searches)}
    np.savez_compressed(path, rows=np.array(json.dumps(rows)), **matrices)


def load(path: Path) -> list[Search]:
    """What `save` has kept."""
    with np.load(path) as kept:
        rows = json.loads(str(kept["rows"]))
        return [
            Search(row["group"], kept[f"matrix_{place}"], row["documents"], row["relevance"])
            for place, row in enumerate(rows)
        ]


def folds_of(groups: Iterable[str], seed: int = 1) -> dict[str, int]:
    """The fold of each group."""
    shuffled = sorted(set(groups))
    random.Random(seed).shuffle(shuffled)
    return {group: place % FOLDS for place, group in enumerate(shuffled)}


def fold_file(directory: Path, fold: int) -> Path:
    """Where the model that has not seen a fold is kept."""
    return directory / f"fold-{fold}.json"


class Recorder(FeatureRanker):
    """Leaves the fused order as it is and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__(Ensemble("recorder", (), ()))
        self.matrix: Array | None = None
        self.pool: list[Contender] = []

    def scores(self, query: str, pool: Sequence[Contender], evidence: RankingEvidence) -> list[float]:
        columns = feature_columns(query, pool, evidence)
        self.matrix = np.array([columns[name] for name in FEATURES], dtype=np.float64).T
        self.pool = list(pool)
        return [one.fused for one in pool]


async def record(stage: Bench, directory: Path, limit: int | None = None) -> list[Search]:
    """Searches for every judged question of a set, within its conversation."""
    dataset = load_dataset(directory, limit)
    groups = groups_of(directory)
    corpus = await stage.index(dataset.corpus)
    recorder = Recorder()
    retriever = stage.retriever_with(RetrievalSettings(near_duplicates=None), recorder)
    found = []
    for query in dataset.queries:
        if query.relevance:
            recorder.matrix = None
            await retriever.retrieve(
                corpus.context, await asked(stage, query), limit=DEPTH, strategy="hybrid"
            )
            if recorder.matrix is not None:
                found.append(_search(corpus, query, groups[query.id], recorder))
    return found


def _search(corpus: Corpus, query: EvaluationQuery, group: str, recorder: Recorder) -> Search:
    assert recorder.matrix is not None
    documents = [corpus.rows[one.passage.document_id] for one in recorder.pool]
    return Search(group, recorder.matrix, documents, query.relevance)


async def asked(stage: Bench, query: EvaluationQuery) -> StandAloneQuery:
    """The question within its conversation."""
    turns = tuple(Turn(actor, text) for actor, text in query.history)[-2 * ChatSettings().history_turns :]
    return await contextual_query(query.text, turns, stage.embedder)


def groups_of(directory: Path) -> dict[str, str]:
    """Article or conversation of each question."""
    rows = (json.loads(line) for line in (directory / "queries.jsonl").read_text().splitlines())
    return {row["id"]: row.get("article") or row["id"].split("<::>")[0] for row in rows}
