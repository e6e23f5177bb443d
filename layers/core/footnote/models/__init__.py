"""What reads and writes: embedding, reranking, generation, prompts."""

from footnote.models.fallback import FallbackGenerator
from footnote.models.ports import (
    Embedder,
    EmbeddingModel,
    EvidenceSpan,
    GenerationDelta,
    GenerationRequest,
    Generator,
    PromptPassage,
    Turn,
    Usage,
)
from footnote.models.prompts import NO_ANSWER, PROMPT_VERSION, build_messages

__all__ = [
    "NO_ANSWER",
    "PROMPT_VERSION",
    "Embedder",
    "EmbeddingModel",
    "EvidenceSpan",
    "FallbackGenerator",
    "GenerationDelta",
    "GenerationRequest",
    "Generator",
    "PromptPassage",
    "Turn",
    "Usage",
    "build_messages",
]
