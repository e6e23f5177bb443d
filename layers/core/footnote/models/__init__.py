"""What reads and writes: embedding, reranking, generation, prompts."""

from footnote.models.caching import EmbeddingCache
from footnote.models.fallback import FallbackGenerator
from footnote.models.ports import (
    Embedder,
    EmbeddingModel,
    EvidenceSpan,
    GenerationDelta,
    GenerationRequest,
    Generator,
    PassagePart,
    PassageVectors,
    PromptPassage,
    Reranker,
    SentenceScore,
    Turn,
    Usage,
)
from footnote.models.prompts import NO_ANSWER, PROMPT_VERSION, build_messages, passage_frame
from footnote.models.usage import ModelUsage, collected, collecting_usage, report_usage

__all__ = [
    "NO_ANSWER",
    "PROMPT_VERSION",
    "Embedder",
    "EmbeddingCache",
    "EmbeddingModel",
    "EvidenceSpan",
    "FallbackGenerator",
    "GenerationDelta",
    "GenerationRequest",
    "Generator",
    "ModelUsage",
    "PassagePart",
    "PassageVectors",
    "PromptPassage",
    "Reranker",
    "SentenceScore",
    "Turn",
    "Usage",
    "build_messages",
    "collected",
    "collecting_usage",
    "passage_frame",
    "report_usage",
]
