"""Measuring retrieval and answers: data sets and metrics of section 14.2 of the reference document."""

from footnote.evaluation.dataset import CorpusRow, Dataset, EvaluationQuery, load_dataset
from footnote.evaluation.metrics import (
    answer_contained,
    bootstrap_interval,
    mean,
    ndcg,
    recall,
    reciprocal_rank,
    success,
)

__all__ = [
    "CorpusRow",
    "Dataset",
    "EvaluationQuery",
    "answer_contained",
    "bootstrap_interval",
    "load_dataset",
    "mean",
    "ndcg",
    "recall",
    "reciprocal_rank",
    "success",
]
