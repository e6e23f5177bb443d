"""Settings under which answers cost less, for whoever has nearly spent a budget (section 16.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footnote.platform.settings import Settings

NOTICE = "The month's budget is nearly spent: a cheaper way of answering was used."
"""What is told of each answer that is given under these settings."""

_LONGER = 2  # times as long as otherwise is kept what was found and answered


def economical(settings: Settings) -> Settings:
    """A cheaper model or none, no second opinion on what was found, and longer memory."""
    generation, caches = settings.generation, settings.caches
    model = {"model": generation.economy_model} if generation.economy_model else {"base_url": None}
    terms = ("embedding_ttl_s", "search_ttl_s", "answer_ttl_s")
    return settings.model_copy(
        update={
            "generation": generation.model_copy(update=model),
            "retrieval": settings.retrieval.model_copy(update={"rewrite_with_model": False}),
            "reranking": settings.reranking.model_copy(update={"endpoint_name": ""}),
            "caches": caches.model_copy(update={name: _LONGER * getattr(caches, name) for name in terms}),
        }
    )
