"""What a function is told by its environment: where things are, and names of secrets that it may read.

The same grants decide as in `local.stack.function_environment`; values are CloudFormation references here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from footnote.platform.manifest import DEPLOYED_ONLY, FunctionManifest
from infra.cdk.config import StageConfig
from infra.cdk.names import DATABASE, EMBEDDING, GENERATION, RERANKING, endpoint_name, queue_name, secret_name

REDIS_SECRET = "footnote/redis"  # noqa: S105 - an id
GENERATION_SECRET = "footnote/generation"  # noqa: S105 - an id


SECRET_SETTINGS = MappingProxyType(
    {
        "footnote/identity/signing": "APP_IDENTITY__SIGNING_SECRET",
        "footnote/identity/verification": "APP_IDENTITY__VERIFICATION_SECRET",
        "footnote/stripe": "APP_BILLING__STRIPE_SECRET",
        "footnote/stripe-webhooks": "APP_BILLING__STRIPE_WEBHOOK_SECRET",
        "footnote/webhooks": "APP_EVENTS__WEBHOOK_SECRET",
    }
)
"""The setting that names a secret; those of databases and the generation server go with their places."""


@dataclass(frozen=True)
class Places:
    """Where the stage's services are.

    Attributes:
        database_host, cache_host, bucket: Of the data stack; functions reach the database by its proxy, if
            it has one.
        instance_host, cache_id: The database itself and the cache's id, for what maintains them.
        queue_urls: By queue name.
    """

    database_host: str
    instance_host: str
    cache_host: str
    cache_id: str
    bucket: str
    queue_urls: Mapping[str, str]


def environment(config: StageConfig, manifest: FunctionManifest, places: Places) -> dict[str, str]:
    """The variables of one function; only what its grants allow it to use stands in them."""
    grants = manifest.grants
    variables = {
        "APP_ENVIRONMENT": config.stage,
        "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "true",
        "POWERTOOLS_SERVICE_NAME": manifest.name,
    }
    if grants.postgres:
        variables |= _postgres(config, grants.postgres, places)
    if grants.redis:
        variables |= {
            "APP_REDIS__HOST": places.cache_host,
            "APP_REDIS__TLS": "true",
            "APP_REDIS__PASSWORD_SECRET": secret_name(config, REDIS_SECRET),
        }
    if grants.bucket or (manifest.queue and manifest.queue.s3_events):
        variables |= {"APP_STORAGE__BUCKET": places.bucket, "APP_STORAGE__REGION": config.region}
    if EMBEDDING in grants.endpoints:
        variables["APP_EMBEDDING__ENDPOINT_NAME"] = endpoint_name(config, EMBEDDING)
    if RERANKING in grants.endpoints and config.models.reranking is not None:
        variables["APP_RERANKING__ENDPOINT_NAME"] = endpoint_name(config, RERANKING)
    if GENERATION in grants.endpoints:
        variables |= _generation(config)
    if manifest.kind in DEPLOYED_ONLY:
        variables |= _maintenance(config, places)
    if manifest.kind in {"api", "stream"} and config.edge.origins:
        quoted = ",".join(f'"{origin}"' for origin in config.edge.origins)
        variables["APP_GATEWAY__CORS_ORIGINS"] = f"[{quoted}]"
    variables |= _events(config, manifest)
    if "footnote/stripe" in grants.secrets:
        variables["APP_BILLING__PROVIDER"] = config.payments
    return {
        **variables,
        **_named_secrets(config, manifest),
        **config.functions.settings,
        **manifest.environment,
    }


def _postgres(config: StageConfig, role: str, places: Places) -> dict[str, str]:
    return {
        "APP_POSTGRES__HOST": places.database_host,
        "APP_POSTGRES__DATABASE": DATABASE,
        "APP_POSTGRES__USER": role,
        "APP_POSTGRES__SSLMODE": "require",
        **(
            {"APP_POSTGRES__SIGN_IN": "iam"}
            if config.database.proxy
            else {"APP_POSTGRES__PASSWORD_SECRET": secret_name(config, f"footnote/postgres/{role}")}
        ),
    }


def _events(config: StageConfig, manifest: FunctionManifest) -> dict[str, str]:
    variables: dict[str, str] = {}
    if manifest.grants.queues:
        variables |= {"APP_EVENTS__QUEUE": queue_name(config, "events"), "APP_EVENTS__REGION": config.region}
    if manifest.grants.mail and config.mail is not None:
        variables |= {"APP_EVENTS__MAIL_FROM": config.mail.sender, "APP_EVENTS__REGION": config.region}
    return variables


def _maintenance(config: StageConfig, places: Places) -> dict[str, str]:
    return {
        "APP_POSTGRES__HOST": places.instance_host,
        "APP_POSTGRES__DATABASE": DATABASE,
        "APP_POSTGRES__SSLMODE": "require",
        "APP_REDIS__HOST": places.cache_host,
        "APP_REDIS__TLS": "true",
        "APP_MAINTENANCE__SECRET_PREFIX": secret_name(config, ""),
        "APP_MAINTENANCE__CACHE_ID": places.cache_id,
    }


def _generation(config: StageConfig) -> dict[str, str]:
    generation = config.models.generation
    if generation.base_url is None:
        return {}
    return {
        "APP_GENERATION__BASE_URL": generation.base_url,
        "APP_GENERATION__MODEL": generation.model,
        "APP_GENERATION__API_KEY_SECRET": secret_name(config, GENERATION_SECRET),
    }


def _named_secrets(config: StageConfig, manifest: FunctionManifest) -> dict[str, str]:
    """The stage's ids of the secrets that settings name."""
    return {
        SECRET_SETTINGS[name]: secret_name(config, name)
        for name in manifest.grants.secrets
        if name in SECRET_SETTINGS
    }
