"""What reads and writes: embedding, reranking, generation, prompts."""

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

__all__ = [
    "Embedder",
    "EmbeddingModel",
    "EvidenceSpan",
    "GenerationDelta",
    "GenerationRequest",
    "Generator",
    "PromptPassage",
    "Turn",
    "Usage",
]
