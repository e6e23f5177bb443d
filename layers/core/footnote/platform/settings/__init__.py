"""Typed settings: one model per concern.

Sources, later ones win: defaults here, `footnote/config/<environment>.yaml`, the environment
(`APP_SECTION__KEY`, for instance `APP_POSTGRES__HOST`), arguments. Unknown keys are errors. Secrets are
named here, never held: a `*_secret` field is the id of a Secrets Manager secret.
"""

from __future__ import annotations

from footnote.platform.settings.access import GatewaySettings, IdentitySettings
from footnote.platform.settings.answers import CacheSettings, ChatSettings, EvaluationSettings
from footnote.platform.settings.knowledge import IngestionSettings, RetrievalSettings
from footnote.platform.settings.loading import CONFIG_DIRECTORY, Settings, load_settings
from footnote.platform.settings.models import EmbeddingSettings, GenerationSettings, RerankingSettings
from footnote.platform.settings.money import BillingSettings, QuotaSettings, RateSettings
from footnote.platform.settings.operations import MaintenanceSettings
from footnote.platform.settings.section import Section
from footnote.platform.settings.services import (
    EventSettings,
    PostgresSettings,
    RedisSettings,
    SecretsSettings,
    StorageSettings,
)

__all__ = [
    "CONFIG_DIRECTORY",
    "BillingSettings",
    "CacheSettings",
    "ChatSettings",
    "EmbeddingSettings",
    "EvaluationSettings",
    "EventSettings",
    "GatewaySettings",
    "GenerationSettings",
    "IdentitySettings",
    "IngestionSettings",
    "MaintenanceSettings",
    "PostgresSettings",
    "QuotaSettings",
    "RateSettings",
    "RedisSettings",
    "RerankingSettings",
    "RetrievalSettings",
    "SecretsSettings",
    "Section",
    "Settings",
    "StorageSettings",
    "load_settings",
]
