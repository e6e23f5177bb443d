"""Answers explained: from the stored record, and from what has become of documents since."""

from footnote.chat.explain.explanations import AUDIT, Explanations
from footnote.chat.explain.models import (
    ExplainedCandidate,
    ExplainedDocument,
    ExplainedPassage,
    ExplainedSentence,
    Explanation,
    Integrity,
    Quotation,
    Search,
)

__all__ = [
    "AUDIT",
    "ExplainedCandidate",
    "ExplainedDocument",
    "ExplainedPassage",
    "ExplainedSentence",
    "Explanation",
    "Explanations",
    "Integrity",
    "Quotation",
    "Search",
]
