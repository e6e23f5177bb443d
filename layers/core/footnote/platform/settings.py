"""Typed settings: one model per concern.

Sources, later ones win: defaults here, `footnote/config/<environment>.yaml`, the environment
(`APP_SECTION__KEY`, for instance `APP_POSTGRES__HOST`), arguments. Unknown keys are errors. Secrets are
named here, never held: a `*_secret` field is the id of a Secrets Manager secret.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

CONFIG_DIRECTORY = Path(__file__).resolve().parent.parent / "config"


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PostgresSettings(Section):
    """The system of record. Time limits are those of reliability.md (j).

    `sign_in` by `iam` sends a token signed with the function's role, as RDS Proxy wants it.
    """

    host: str = "127.0.0.1"
    port: int = 5432
    database: str = "footnote"
    user: str = "footnote_app"
    sign_in: Literal["password", "iam"] = "password"
    password_secret: str = ""
    sslmode: str = "prefer"
    connect_timeout_s: float = 2.0
    statement_timeout_ms: int = 1_000
    lock_timeout_ms: int = 500
    ingestion_statement_timeout_ms: int = 60_000
    ingestion_lock_timeout_ms: int = 15_000


class RedisSettings(Section):
    """Cache and revocation list; losing it never loses data."""

    host: str = "127.0.0.1"
    port: int = 6379
    password_secret: str = ""
    tls: bool = False
    connect_timeout_s: float = 0.05
    timeout_s: float = 0.1


class StorageSettings(Section):
    """Document objects in S3."""

    bucket: str = "footnote-documents"
    region: str = "us-east-1"
    endpoint_url: str | None = None
    upload_expires_s: int = 900


class SecretsSettings(Section):
    """The Parameters and Secrets Lambda extension, which every function reads its secrets through."""

    extension_port: int = 2773
    timeout_s: float = 2.0
    cache_s: int = 300


class IdentitySettings(Section):
    """Passwords, tokens and sessions; semantics in reliability.md (c)."""

    issuer: str = "footnote"
    audience: str = "footnote-api"
    signing_secret: str = "footnote/identity/signing"  # noqa: S105 - an id
    verification_secret: str = "footnote/identity/verification"  # noqa: S105 - an id
    access_token_s: int = 600
    refresh_idle_s: int = 14 * 24 * 3600
    refresh_absolute_s: int = 90 * 24 * 3600
    refresh_grace_s: int = 10
    password_min_length: int = 8
    password_max_bytes: int = 1024
    max_login_attempts: int = 5
    lock_s: int = 900
    argon2_memory_kib: int = 19 * 1024
    argon2_time_cost: int = 2
    argon2_parallelism: int = 1


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


class IngestionSettings(Section):
    """Limits of reliability.md (f). `hold_s` is the function's time limit and 30 seconds."""

    max_bytes: int = 50 * 1024 * 1024
    max_pages: int = 2_000
    max_characters: int = 10_000_000
    archive_max_entries: int = 10_000
    archive_max_bytes: int = 200 * 1024 * 1024
    archive_max_ratio: int = 100
    parser_memory_bytes: int = 1536 * 1024 * 1024
    parser_cpu_s: int = 60
    parser_wall_s: int = 60
    parser_output_bytes: int = 128 * 1024 * 1024
    max_attempts: int = 3
    lease_s: int = 30
    hold_s: int = 630
    chunk_target_tokens: int = 200
    chunk_max_tokens: int = 254
    purge_after_s: int = 900
    stuck_after_s: int = 600
    pending_upload_s: int = 24 * 3600


class RetrievalSettings(Section):
    """Hybrid search. Defaults measured in measurements.md, part 1.

    `routing` is what the strategy `auto` does: `measured` searches both ways unless only exact words can be
    meant, `by_type` follows the table of section 3.2. `near_duplicates` is the likeness from which a passage
    is left out of those that an answer rests on; a search for a number of passages shows them all.
    `rewrite_with_model` has follow-up questions worded anew by the language model, where one is configured; a
    search waits for it no longer than `rewrite_timeout_s`.
    """

    candidates: int = 100
    champions_per_term: int = 500
    rescored: int = 200
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    vector_index_from: int = 20_000
    vector_index_until: int = 10_000
    hnsw_m: int = 16
    hnsw_ef_construction: int = 128
    hnsw_ef_search: int = 300
    hnsw_max_scan_tuples: int = 20_000
    hnsw_build_memory_mb: int = 2_048
    hnsw_build_workers: int = 1
    dense_weight: float = 0.65
    fusion: Literal["convex", "rrf"] = "convex"
    rrf_k: int = 60
    rerank: Literal["auto", "features", "off"] = "auto"
    reranked: int = 40
    rerank_weight: float = 0.7
    ranker_weight: float = 0.8
    near_duplicates: float | None = 0.8
    diversity: float = 0.0
    freshness_weight: float = 0.0
    freshness_half_life_days: float = 180.0
    title_weight: float = 0.0
    cut_below: float | None = None
    neighbours: int = 0
    expand: bool = True
    routing: Literal["measured", "by_type"] = "measured"
    rewrite_with_model: bool = True
    rewrite_timeout_s: float = 2.0


class ChatSettings(Section):
    """Answers and conversations.

    `passages` is how many an answer may rest on, as many as the question's kind needs by default.
    `context_tokens` holds all of them with their headers; `context_token_factor` is how many tokens the
    generation model makes of one of the embedding model's, which count. `passage_order` is that of the
    prompt: by rank, or with the best at both ends. `unsupported` is what becomes of sentences that no passage
    supports: marked in the answer's metadata, dropped (a stream then waits for the end of each sentence), or
    kept.
    """

    passages: int | None = None
    context_tokens: int = 2_000
    context_token_factor: float = 1.0
    passage_order: Literal["ranked", "both_ends"] = "both_ends"
    unsupported: Literal["mark", "drop", "keep"] = "mark"
    history_turns: int = 6
    deadline_s: float = 25.0
    keep_alive_s: float = 12.0
    abstain_below: float | None = None


class CacheSettings(Section):
    """Caches of sections 6.5 and 11.2. Terms are those of Redis; the store keeps ten times as long.

    Each kind can be switched off, as can the tiers `redis` and `store`. `semantic` finds cached answers by
    the meaning of their question: cosine of at least `semantic_threshold` and the second check of
    `footnote/chat/caching/sameness` among the `semantic_candidates` nearest of the last `semantic_questions`.
    Answers of a model at more than `max_temperature` are not kept. `wait_s` is how long a question waits for
    the same question that is being answered just now.
    """

    enabled: bool = True
    redis: bool = True
    store: bool = True
    embedding: bool = True
    search: bool = True
    answers: bool = True
    semantic: bool = True
    embedding_ttl_s: int = 86_400
    search_ttl_s: int = 900
    answer_ttl_s: int = 1_800
    memory_entries: int = 1_000
    memory_bytes: int = 16 * 1024 * 1024
    max_value_bytes: int = 256 * 1024
    semantic_threshold: float = 0.8
    semantic_candidates: int = 5
    semantic_questions: int = 200
    max_temperature: float = 0.7
    wait_s: float = 8.0
    state_keep_s: float = 5.0
    revision_check_s: float = 300.0
    metrics_s: float = 60.0


class EvaluationSettings(Section):
    """Golden sets and their runs. A run is given back after `slice_s`, so that others have their turn.

    A question takes `question_s` at most, and its hold 30 seconds more; a run that may not go on is looked at
    again after `pause_s`.
    """

    max_sets: int = 50
    max_questions: int = 1_000
    max_runs: int = 200
    max_open_runs: int = 10
    search_limit: int = 50
    lease_s: int = 60
    slice_s: float = 60.0
    max_attempts: int = 3
    retry_s: float = 15.0
    question_s: int = 60
    hold_s: int = 90
    pause_s: float = 300.0


class QuotaSettings(Section):
    """Holds and plans. `default_plan` is that of organizations that have subscribed to none."""

    default_plan: str = "free"


class RateSettings(Section):
    """Requests a minute of one caller, by route class (section 7 of the reference document).

    Plans, organizations, members and keys may have their own; those are read anew after `terms_keep_s`.
    `address_per_minute` is for one address at routes that need no sign-in, `organization_per_minute` for all
    calls of an organization together.
    """

    enabled: bool = True
    default_per_minute: int = 100
    chat_per_minute: int = 30
    search_per_minute: int = 60
    address_per_minute: int = 60
    organization_per_minute: int | None = None
    terms_keep_s: float = 10.0


class BillingSettings(Section):
    """Subscriptions, invoices and payments.

    Payers come back from a provider's pages to `return_url`. Invoices are issued `invoice_delay_s` after the
    end of their period, numbered `issuer`-year-number, in the seller's name, and are due `due_days` later.
    Who does not pay keeps the plan for `grace_days`.

    Prices of models are read anew after `prices_keep_s`. Where self-hosted models are kept for the
    organization alone, `dedicated_compute_hours_a_day` is for how many hours a day.

    The secrets `stripe_secret` (the API's key) and `stripe_webhook_secret` (what webhooks are signed with)
    are texts. A call of Stripe may take `stripe_timeout_s`, and is repeated `stripe_retries` times.
    """

    provider: Literal["manual", "stripe"] = "manual"
    stripe_secret: str = "footnote/stripe"  # noqa: S105 - an id
    stripe_webhook_secret: str = "footnote/stripe-webhooks"  # noqa: S105 - an id
    stripe_base_url: str | None = None
    stripe_timeout_s: float = 5.0
    stripe_retries: int = Field(default=1, ge=0, le=5)
    return_url: str = "http://localhost:3000/billing"
    issuer: str = Field(default="FN", pattern=r"^[A-Z0-9]{1,8}$")
    seller_name: str = "Footnote"
    seller_address: str = ""
    seller_tax_id: str = ""
    seller_email: str = ""
    payment_terms: str = ""
    invoice_delay_s: int = 600
    due_days: int = 14
    grace_days: int = 7
    prices_keep_s: float = 60.0
    dedicated_compute_hours_a_day: float | None = Field(default=None, gt=0)


class EventSettings(Section):
    """The queue of events, and what is sent to people and to other systems.

    Events that were taken from the outbox are kept from other relays for `lease_s`. The queue gives an event
    up after `max_deliveries`, as `functions/notifier/function.toml` has it. Mail is sent from `mail_from`;
    without it none is. A webhook endpoint has `webhook_limit_s` to answer, and is switched off after
    `webhook_failures` in a row if the first is `webhook_failing_s` ago. `webhook_loopback` allows endpoints
    on this machine, and plain HTTP to them.
    """

    queue: str = "events"
    region: str = "us-east-1"
    endpoint_url: str | None = None
    timeout_s: float = 5.0
    lease_s: int = 60
    max_deliveries: int = 8
    mail_from: str = ""
    webhook_secret: str = "footnote/webhooks"  # noqa: S105 - an id
    webhook_limit_s: float = 5.0
    webhook_loopback: bool = False
    webhook_failures: int = 20
    webhook_failing_s: int = 3600
    webhook_endpoints: int = 10


class MaintenanceSettings(Section):
    """Deployments and rotations.

    `secret_prefix` stands before the ids of all secrets of a stage; `cache_id` is the cache's replication
    group.
    """

    secret_prefix: str = ""
    cache_id: str = ""

    def secret(self, name: str) -> str:
        """Id of a secret of the stage, by its name below `footnote/`."""
        return f"{self.secret_prefix}footnote/{name}"


class GatewaySettings(Section):
    """Browser access to the API."""

    cors_origins: list[str] = Field(default_factory=list)


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="APP_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    environment: Literal["development", "test", "staging", "production"] = "development"
    log_level: str = "INFO"
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    storage: StorageSettings = StorageSettings()
    secrets: SecretsSettings = SecretsSettings()
    identity: IdentitySettings = IdentitySettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    reranking: RerankingSettings = RerankingSettings()
    generation: GenerationSettings = GenerationSettings()
    ingestion: IngestionSettings = IngestionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    chat: ChatSettings = ChatSettings()
    caches: CacheSettings = CacheSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    quota: QuotaSettings = QuotaSettings()
    rates: RateSettings = RateSettings()
    billing: BillingSettings = BillingSettings()
    events: EventSettings = EventSettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    gateway: GatewaySettings = GatewaySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the environment's YAML file."""
        environment = os.environ.get("APP_ENVIRONMENT", "development")
        stage = YamlConfigSettingsSource(settings_cls, CONFIG_DIRECTORY / f"{environment}.yaml")
        return init_settings, env_settings, stage


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The process's settings, read once.

    Raises:
        pydantic.ValidationError: A key is unknown or a value has the wrong type; the message names it.
    """
    return Settings()
