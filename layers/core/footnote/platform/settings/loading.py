"""All settings of one process, and where they come from."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from footnote.platform.settings.access import GatewaySettings, IdentitySettings
from footnote.platform.settings.answers import CacheSettings, ChatSettings, EvaluationSettings
from footnote.platform.settings.knowledge import IngestionSettings, RetrievalSettings
from footnote.platform.settings.models import EmbeddingSettings, GenerationSettings, RerankingSettings
from footnote.platform.settings.money import BillingSettings, QuotaSettings, RateSettings
from footnote.platform.settings.operations import MaintenanceSettings
from footnote.platform.settings.services import (
    EventSettings,
    PostgresSettings,
    RedisSettings,
    SecretsSettings,
    StorageSettings,
)

CONFIG_DIRECTORY = Path(__file__).resolve().parents[2] / "config"


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
