"""Measuring retrieval and answers: data sets and metrics of section 14.2 of the reference document.

Importing this loads what stores and measuring scripts need; use cases, report and evaluator are imported by
their own names.
"""

from footnote.evaluation.answers import (
    answer_contained,
    completeness,
    cosine,
    faithfulness,
    token_f1,
    without_citations,
)
from footnote.evaluation.comparison import Comparison, Difference, compare
from footnote.evaluation.confidence import Confidence
from footnote.evaluation.dataset import CorpusRow, Dataset, EvaluationQuery, load_dataset
from footnote.evaluation.gate import Condition, Finding, Verdict, judge, parse_conditions
from footnote.evaluation.metrics import (
    average_precision,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    success,
)
from footnote.evaluation.models import (
    Activation,
    AnsweredMessage,
    Creation,
    Gate,
    GoldenQuestion,
    GoldenSet,
    Lease,
    NewRun,
    PendingQuestion,
    Run,
    RunState,
)
from footnote.evaluation.ports import (
    GateStore,
    GoldenSetStore,
    Keyset,
    RunQueue,
    RunStore,
    Subject,
    Subjects,
)
from footnote.evaluation.scoring import AnswerGiven, Cited, Observation, QuestionResult, score
from footnote.evaluation.statistics import bootstrap_interval, mean, permutation_test, wilson_interval
from footnote.evaluation.summary import Figure, Summary, summarise
from footnote.platform.overrides import Overrides

__all__ = [
    "Activation",
    "AnswerGiven",
    "AnsweredMessage",
    "Cited",
    "Comparison",
    "Condition",
    "Confidence",
    "CorpusRow",
    "Creation",
    "Dataset",
    "Difference",
    "EvaluationQuery",
    "Figure",
    "Finding",
    "Gate",
    "GateStore",
    "GoldenQuestion",
    "GoldenSet",
    "GoldenSetStore",
    "Keyset",
    "Lease",
    "NewRun",
    "Observation",
    "Overrides",
    "PendingQuestion",
    "QuestionResult",
    "Run",
    "RunQueue",
    "RunState",
    "RunStore",
    "Subject",
    "Subjects",
    "Summary",
    "Verdict",
    "answer_contained",
    "average_precision",
    "bootstrap_interval",
    "compare",
    "completeness",
    "cosine",
    "faithfulness",
    "judge",
    "load_dataset",
    "mean",
    "ndcg",
    "parse_conditions",
    "permutation_test",
    "precision",
    "recall",
    "reciprocal_rank",
    "score",
    "success",
    "summarise",
    "token_f1",
    "wilson_interval",
    "without_citations",
]
