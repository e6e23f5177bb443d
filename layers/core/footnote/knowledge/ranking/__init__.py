"""Ranking: features, rerankers, signals, duplicates, diversity, cut."""

from footnote.knowledge.ranking.reranking import FeatureRanker
from footnote.knowledge.ranking.trees import load_ensemble

__all__ = ["FeatureRanker", "load_ensemble"]
