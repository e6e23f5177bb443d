"""What a search takes of models at most."""

from __future__ import annotations

from collections.abc import Mapping

from footnote.billing import ANY
from footnote.platform.settings import Settings
from footnote.quota import Meter

# The query, what its conversation leaves open, and the conversation itself.
_EMBEDDED_TEXTS = 16
_BYTES_PER_CHARACTER = 4


def search_bounds(settings: Settings) -> Mapping[tuple[Meter, str], int]:
    """Units by meter and model."""
    return {
        (Meter.EMBEDDING_TOKENS, ANY): _EMBEDDED_TEXTS * settings.embedding.window_tokens,
        (Meter.RERANK_CALLS, ANY): rerank_calls(settings),
    }


def rerank_calls(settings: Settings) -> int:
    """Requests to the reranker that one search makes: by the number of its passages, and by their bytes."""
    reranking, passages = settings.reranking, settings.retrieval.reranked
    if not reranking.endpoint_name:
        return 0
    most_bytes = _BYTES_PER_CHARACTER * reranking.max_characters * passages
    return -(-passages // reranking.batch_size) + most_bytes // reranking.max_body_bytes
