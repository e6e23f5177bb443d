"""The configuration of one local stack, and what each function is told about it.

The functions learn where everything is from their environment, as on Lambda; `function_environment` is the
one place that decides what stands there. A function is told only of what its `function.toml` grants it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from footnote.platform.manifest import FunctionManifest
from footnote.platform.settings import StorageSettings
from local.paths import REPOSITORY, DataPaths
from local.ports import LOOPBACK

Runner = Literal["runtime-api", "rie"]

REGION = "us-east-1"
ACCOUNT_ID = "123456789012"
BUCKET = StorageSettings().bucket
DATABASE = "footnote"
EMBEDDING_ENDPOINT = "footnote-embedding"
RERANKING_ENDPOINT = "footnote-reranking"
GENERATION_SECRET = "footnote/generation"  # noqa: S105 - an id
REDIS_SECRET = "footnote/redis"  # noqa: S105 - an id
WEBHOOKS_SECRET = "footnote/webhooks"  # noqa: S105 - an id
MAIL_FROM = "Footnote <no-reply@footnote.example>"

# Tuning that the operator may set for every function; what names a server or a secret is never passed on.
_TUNING = (
    "APP_LOG_LEVEL",
    "APP_INGESTION__",
    "APP_RETRIEVAL__",
    "APP_CHAT__",
    "APP_CACHES__",
    "APP_EVALUATION__",
    "APP_QUOTA__",
    "APP_RATES__",
)
_GENERATION = "APP_GENERATION__"
_RERANKING = "APP_RERANKING__"


@dataclass(frozen=True)
class Ports:
    """TCP ports of one stack, all on the loopback address.

    Attributes:
        api: The public API.
        edge: The AWS APIs as functions and browsers see them: moto behind the gateway's completions,
            and SageMaker's `POST /endpoints/{name}/invocations`.
        extension: The Parameters and Secrets Lambda extension.
        moto: moto's server, which nobody but the edge talks to.
        models: The embedding model's container.
        reranker: The cross-encoder's container, where there is one.
    """

    api: int
    edge: int
    extension: int
    moto: int
    postgres: int
    redis: int
    models: int
    reranker: int


@dataclass(frozen=True)
class Credentials:
    """AWS credentials of one function, as its execution role would give it."""

    access_key_id: str
    secret_access_key: str
    session_token: str


@dataclass(frozen=True)
class StackConfig:
    """One local stack.

    Attributes:
        data: Everything durable, and logs.
        ports: Where the servers listen.
        cache: Layers and model files, shared by all stacks of this repository.
        credential_key: Functions' credentials are derived from it.
        secrets: What Secrets Manager holds (id to secret string). The edge puts it there at every start.
        runner: What executes functions: our Lambda Runtime API server, or AWS's emulator (`rie`).
        repository: The checkout whose functions run.
        operator: The operator's environment; what of it functions may see is passed on.
        reranker: The model directory of a cross-encoder; without one none is started.
    """

    data: DataPaths
    ports: Ports
    cache: Path
    credential_key: str = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    runner: Runner = "runtime-api"
    repository: Path = REPOSITORY
    operator: Mapping[str, str] = field(default_factory=dict, repr=False)
    reranker: Path | None = None

    @property
    def api_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.api}"

    @property
    def edge_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.edge}"

    @property
    def moto_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.moto}"

    @property
    def models_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.models}"


def is_tuning(variable: str) -> bool:
    """Whether an environment variable is a setting that the operator may choose for the functions."""
    return variable.startswith((*_TUNING, _GENERATION, _RERANKING))


def function_credentials(config: StackConfig, function: str) -> Credentials:
    """The credentials of one function; the same at every start of the stack."""

    def derive(part: str, length: int) -> str:
        message = f"{function}/{part}".encode()
        return hmac.new(config.credential_key.encode(), message, hashlib.sha256).hexdigest()[:length]

    return Credentials(
        access_key_id="ASIA" + derive("id", 16).upper(),
        secret_access_key=derive("secret", 40),
        session_token=derive("token", 64),
    )


def dead_letter_queue(name: str) -> str:
    """The name of a queue's dead-letter queue."""
    return f"{name}-dead-letters"


def readable_secrets(manifest: FunctionManifest) -> frozenset[str]:
    """Ids of the secrets that a function may read: those it names and those its grants imply."""
    implied = set(manifest.grants.secrets)
    if manifest.grants.postgres:
        implied.add(postgres_secret(manifest.grants.postgres))
    if manifest.grants.redis:
        implied.add(REDIS_SECRET)
    if "generation" in manifest.grants.endpoints:
        implied.add(GENERATION_SECRET)
    return frozenset(implied)


def postgres_secret(role: str) -> str:
    """Id of the secret that holds the password of a database role."""
    return f"footnote/postgres/{role}"


def function_environment(config: StackConfig, manifest: FunctionManifest) -> dict[str, str]:
    """The environment variables of a function, as Lambda and the deployment would set them.

    What differs per execution environment is added by the runner: `AWS_LAMBDA_RUNTIME_API`, `PYTHONPATH`,
    the log stream and the port of the stream adapter.
    """
    return {
        **_lambda_variables(config, manifest),
        **_operator_variables(config, manifest),
        **_stack_variables(config, manifest),
        **manifest.environment,
    }


def _lambda_variables(config: StackConfig, manifest: FunctionManifest) -> dict[str, str]:
    credentials = function_credentials(config, manifest.name)
    name = f"footnote-{manifest.name}"
    variables = {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_ENDPOINT_URL": config.edge_url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(manifest.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": str(config.repository),
        "_HANDLER": manifest.handler,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
    }
    if manifest.kind == "stream":
        variables["AWS_LWA_INVOKE_MODE"] = "response_stream"
    return variables


def _stack_variables(config: StackConfig, manifest: FunctionManifest) -> dict[str, str]:
    grants = manifest.grants
    variables = {
        "APP_ENVIRONMENT": "development",
        "APP_SECRETS__EXTENSION_PORT": str(config.ports.extension),
    }
    if grants.postgres:
        variables |= {
            "APP_POSTGRES__HOST": LOOPBACK,
            "APP_POSTGRES__PORT": str(config.ports.postgres),
            "APP_POSTGRES__DATABASE": DATABASE,
            "APP_POSTGRES__USER": grants.postgres,
            "APP_POSTGRES__PASSWORD_SECRET": postgres_secret(grants.postgres),
            "APP_POSTGRES__SSLMODE": "disable",
        }
    if grants.redis:
        variables |= {
            "APP_REDIS__HOST": LOOPBACK,
            "APP_REDIS__PORT": str(config.ports.redis),
            "APP_REDIS__PASSWORD_SECRET": REDIS_SECRET,
        }
    if grants.bucket or (manifest.queue and manifest.queue.s3_events):
        variables |= {
            "APP_STORAGE__BUCKET": BUCKET,
            "APP_STORAGE__ENDPOINT_URL": config.edge_url,
            "APP_STORAGE__REGION": REGION,
        }
    if grants.queues or grants.mail:
        variables |= {"APP_EVENTS__ENDPOINT_URL": config.edge_url, "APP_EVENTS__REGION": REGION}
    if grants.mail:
        variables["APP_EVENTS__MAIL_FROM"] = MAIL_FROM
    if "embedding" in grants.endpoints:
        variables |= {
            "APP_EMBEDDING__ENDPOINT_NAME": EMBEDDING_ENDPOINT,
            "APP_EMBEDDING__RUNTIME_URL": config.edge_url,
        }
    if config.reranker and "reranking" in grants.endpoints:
        variables |= {
            "APP_RERANKING__ENDPOINT_NAME": RERANKING_ENDPOINT,
            "APP_RERANKING__RUNTIME_URL": config.edge_url,
        }
    return variables


def _operator_variables(config: StackConfig, manifest: FunctionManifest) -> dict[str, str]:
    generates = "generation" in manifest.grants.endpoints
    reranks = config.reranker is not None and "reranking" in manifest.grants.endpoints
    prefixes = (*_TUNING, *([_GENERATION] if generates else []), *([_RERANKING] if reranks else []))
    variables = {key: value for key, value in config.operator.items() if key.startswith(prefixes)}
    if generates and config.operator.get("FOOTNOTE_GENERATION_API_KEY"):
        variables[f"{_GENERATION}API_KEY_SECRET"] = GENERATION_SECRET
    return variables
