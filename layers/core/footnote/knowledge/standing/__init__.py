"""Why a document was not found: its exact standing in a search, and the first cause that applies."""

from footnote.knowledge.standing.explainer import SHOWN_CHUNKS, DocumentExplainer
from footnote.knowledge.standing.models import (
    Cause,
    Check,
    ChunkStanding,
    DocumentExplanation,
    DocumentStanding,
    ExplainedChunk,
    SearchedQuery,
    StandingDocument,
    Verdict,
)
from footnote.knowledge.standing.ports import StandingStore

__all__ = [
    "SHOWN_CHUNKS",
    "Cause",
    "Check",
    "ChunkStanding",
    "DocumentExplainer",
    "DocumentExplanation",
    "DocumentStanding",
    "ExplainedChunk",
    "SearchedQuery",
    "StandingDocument",
    "StandingStore",
    "Verdict",
]
