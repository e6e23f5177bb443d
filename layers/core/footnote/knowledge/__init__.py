"""What we know: documents, parsing, chunking, ingestion, search, fusion."""

from footnote.knowledge.analysis import (
    Decision,
    Entity,
    Expansion,
    QueryAnalysis,
    QueryType,
    analyze_query,
)
from footnote.knowledge.caching import CachingRetriever
from footnote.knowledge.followups import (
    ModelQueryRewriter,
    QueryRewriter,
    StandAloneQuery,
    contextual_query,
    mixture,
    stand_alone,
)
from footnote.knowledge.language import detect_language
from footnote.knowledge.lexical import lexical_form
from footnote.knowledge.metering import rerank_calls
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
from footnote.knowledge.ranking import FeatureRanker, load_ensemble
from footnote.knowledge.retrieval import Retriever
from footnote.knowledge.sentences import sentence_spans
from footnote.knowledge.tokens import count_tokens
from footnote.knowledge.trace import CandidateTrace, Outcome, RetrievalTrace

__all__ = [
    "Block",
    "CachingRetriever",
    "Candidate",
    "CandidateTrace",
    "ChunkDraft",
    "Decision",
    "Document",
    "DocumentStatus",
    "DocumentStore",
    "Entity",
    "Expansion",
    "FeatureRanker",
    "IngestionJob",
    "IngestionStore",
    "ModelQueryRewriter",
    "NewUpload",
    "ObjectEvent",
    "Outcome",
    "ParsedDocument",
    "Passage",
    "QueryAnalysis",
    "QueryRewriter",
    "QueryType",
    "Retrieval",
    "RetrievalTrace",
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
    "analyze_query",
    "contextual_query",
    "count_tokens",
    "detect_language",
    "lexical_form",
    "load_ensemble",
    "mixture",
    "rerank_calls",
    "sentence_spans",
    "stand_alone",
]
