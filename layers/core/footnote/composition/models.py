"""Models of embedding, reranking and generation."""

from __future__ import annotations

import os
from functools import cached_property, partial
from typing import TYPE_CHECKING

from footnote.composition.costs import Costs

if TYPE_CHECKING:
    from footnote.models import Embedder, Generator, Reranker


class Models(Costs):
    """The settings' models."""

    @cached_property
    def embedder(self) -> Embedder:
        from footnote.models.providers.sagemaker import SageMakerEmbedder

        region = os.environ.get("AWS_REGION", self.settings.storage.region)
        return SageMakerEmbedder(self.settings.embedding, region)

    @cached_property
    def reranker(self) -> Reranker | None:
        """The cross-encoder of the settings; `None` without one."""
        settings = self.settings.reranking
        if not settings.endpoint_name:
            return None
        from footnote.models.providers.sagemaker import SageMakerReranker

        region = os.environ.get("AWS_REGION", self.settings.storage.region)
        return SageMakerReranker(settings, region, self.clock)

    @cached_property
    def language_model(self) -> Generator | None:
        """The generation server of the settings; none without one."""
        settings = self.settings.generation
        if settings.base_url is None:
            return None
        from footnote.models.providers.openai import OpenAIGenerator

        key = partial(self.secrets.get, settings.api_key_secret) if settings.api_key_secret else None
        return OpenAIGenerator(settings, key)
