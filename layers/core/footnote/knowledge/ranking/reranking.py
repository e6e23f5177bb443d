"""Who looks at the best candidates again, where no cross-encoder does: the learned ranker."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.knowledge.ranking.blending import on_scale_of
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.knowledge.ranking.features import Contender, feature_columns
from footnote.knowledge.ranking.trees import Ensemble


class FeatureRanker:
    """Ranks by features of words, meaning and company with gradient-boosted trees (LambdaMART, Burges 2010).

    Needs no model server. It is trained on public sets by `tests/evaluation/train_ranker.py`, which also
    measures it on questions and on whole sets that it has not seen.

    Args:
        ensemble: The trees.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble

    @property
    def name(self) -> str:
        return f"features-{self._ensemble.version}"

    def scores(self, query: str, pool: Sequence[Contender], evidence: RankingEvidence) -> list[float]:
        """One score a contender, on the scale of the fused scores."""
        predicted = self._ensemble.predict(feature_columns(query, pool, evidence))
        return on_scale_of(predicted, [one.fused for one in pool])
