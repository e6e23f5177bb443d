"""What we know: documents, parsing, chunking, ingestion, search, fusion."""

from footnote.knowledge.followups import StandAloneQuery, contextual_query, mixture, stand_alone
from footnote.knowledge.language import detect_language
from footnote.knowledge.lexical import lexical_form
from footnote.knowledge.models import (
    Block,
    Candidate,
    ChunkDraft,
    Document,
    DocumentStatus,
    ParsedDocument,
    Passage,
    Retrieval,
    RetrievedPassage,
    SearchFilters,
    Stage,
    Strategy,
    TermAnalysis,
)
from footnote.knowledge.ports import (
    DocumentStore,
    IngestionJob,
    IngestionStore,
    NewUpload,
    ObjectEvent,
    SearchSnapshot,
    SearchStore,
    StagedVersion,
)
from footnote.knowledge.retrieval import Retriever
from footnote.knowledge.sentences import sentence_spans
from footnote.knowledge.tokens import count_tokens

__all__ = [
    "Block",
    "Candidate",
    "ChunkDraft",
    "Document",
    "DocumentStatus",
    "DocumentStore",
    "IngestionJob",
    "IngestionStore",
    "NewUpload",
    "ObjectEvent",
    "ParsedDocument",
    "Passage",
    "Retrieval",
    "RetrievedPassage",
    "Retriever",
    "SearchFilters",
    "SearchSnapshot",
    "SearchStore",
    "Stage",
    "StagedVersion",
    "StandAloneQuery",
    "Strategy",
    "TermAnalysis",
    "contextual_query",
    "count_tokens",
    "detect_language",
    "lexical_form",
    "mixture",
    "sentence_spans",
    "stand_alone",
]
