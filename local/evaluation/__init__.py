"""`footnote evaluate`: judged questions through the real ingestion, search and answers."""

from local.evaluation.report import Report, render, render_comparison
from local.evaluation.runner import STRATEGIES, Evaluation

__all__ = ["STRATEGIES", "Evaluation", "Report", "render", "render_comparison"]
