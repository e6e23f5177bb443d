"""Endpoints of models."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from footnote.platform.settings.section import Section


class EmbeddingSettings(Section):
    """The embedding endpoint (SageMaker's InvokeEndpoint contract)."""

    endpoint_name: str = "footnote-embedding"
    runtime_url: str | None = None
    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    dimension: int = 384
    window_tokens: int = 256
    connect_timeout_s: float = 0.3
    timeout_s: float = 1.0
    ingestion_timeout_s: float = 60.0
    batch_size: int = 32


class RerankingSettings(Section):
    """The cross-encoder's endpoint (SageMaker's InvokeEndpoint contract); an empty name: there is none.

    `timeout_s` is for all passages of one search. A request has at most `batch_size` passages and
    `max_body_bytes` bytes; a text's characters behind `max_characters` are not sent.
    """

    endpoint_name: str = ""
    runtime_url: str | None = None
    connect_timeout_s: float = 0.3
    timeout_s: float = 1.0
    batch_size: int = 64
    max_characters: int = 32_768
    max_body_bytes: int = 5 * 1024 * 1024


class GenerationSettings(Section):
    """An OpenAI-compatible generation server. Without `base_url` answers are extractive.

    `economy_model` is the same server's cheaper model, which answers while a budget is nearly spent; without
    one answers are extractive then.

    `extra_body` is added to each request, for what a server knows beyond the protocol, for instance
    `{"chat_template_kwargs": {"enable_thinking": false}}`. A `self_hosted` server costs by the time that it
    takes: that is metered as `compute_ms`, beside its tokens.
    """

    base_url: str | None = None
    model: str = ""
    economy_model: str = ""
    api_key_secret: str = ""
    connect_timeout_s: float = 1.0
    timeout_s: float = 20.0
    first_token_timeout_s: float = 8.0
    context_tokens: int = 32_000
    self_hosted: bool = False
    extra_body: dict[str, Any] = Field(default_factory=dict)
