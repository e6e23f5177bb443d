"""Settings under which answers cost less, for whoever has nearly spent a budget (section 16.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from footnote.platform.settings import Settings

NOTICE = "The month's budget is nearly spent: a cheaper way of answering was used."

_LONGER = 2  # times as long as otherwise is kept what was found and answered


def notice_of(settings: Settings) -> str | None:
    """What is told of answers that cost less than under `settings`; `None` where nothing is left out."""
    return NOTICE if settings.generation.base_url or settings.reranking.endpoint_name else None


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
