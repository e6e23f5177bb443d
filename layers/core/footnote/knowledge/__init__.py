"""What we know: documents, parsing, chunking, ingestion, search, fusion."""

from footnote.knowledge.models import (
    Block,
    ChunkDraft,
    Document,
    DocumentStatus,
    ParsedDocument,
    Passage,
    Retrieval,
    RetrievedPassage,
    ScoredChunk,
    SearchFilters,
    Stage,
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

__all__ = [
    "Block",
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
    "ScoredChunk",
    "SearchFilters",
    "SearchSnapshot",
    "SearchStore",
    "Stage",
    "StagedVersion",
    "TermAnalysis",
]
