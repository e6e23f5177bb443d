"""Rotation of secrets, in Secrets Manager's four steps.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-lambda-function-overview.html.
A new value is made and kept as AWSPENDING, given to whom it is for, tried, and only then made AWSCURRENT.
Every step may be repeated, and one that fails leaves the current value in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from footnote.platform.logging import get_logger

logger = get_logger("rotation")

_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"


class Strategy(Protocol):
    """How the value of one kind of secret is replaced."""

    def create(self, current: str) -> str:
        """A new value beside the current one."""
        ...

    def set(self, current: str, pending: str) -> None:
        """Gives the new value to whom it is for."""
        ...

    def test(self, pending: str) -> None:
        """Uses the new value.

        Raises:
            Exception: It does not work.
        """
        ...


class UnknownSecret(ValueError):
    """No strategy is known for a secret."""


class Rotation:
    """Runs the steps.

    Args:
        client: boto3's client of Secrets Manager.
        strategies: By the end of the secret's name, for instance `footnote/redis`.
    """

    def __init__(self, client: Any, strategies: Mapping[str, Strategy]) -> None:
        self._client = client
        self._strategies = strategies

    def step(self, step: str, secret_id: str, token: str) -> None:
        """One step: `createSecret`, `setSecret`, `testSecret` or `finishSecret`.

        Args:
            step: Its name.
            secret_id: ARN or name of the secret.
            token: Id of the version that the new value becomes.

        Raises:
            UnknownSecret: The secret cannot be rotated by this function.
            ValueError: There is no such step.
        """
        described = self._client.describe_secret(SecretId=secret_id)
        strategy = self._strategy(described["Name"])
        if step == "createSecret":
            self._create(secret_id, token, strategy)
        elif step == "setSecret":
            strategy.set(self._value(secret_id, stage=_CURRENT), self._value(secret_id, token=token))
        elif step == "testSecret":
            strategy.test(self._value(secret_id, token=token))
        elif step == "finishSecret":
            self._finish(secret_id, token, described["VersionIdsToStages"])
        else:
            raise ValueError(f"{step} is no step of a rotation")
        logger.info("rotated", extra={"step": step, "secret": described["Name"]})

    def _strategy(self, name: str) -> Strategy:
        for ending, strategy in self._strategies.items():
            if name == ending or name.endswith(f"/{ending}"):
                return strategy
        raise UnknownSecret(f"the secret {name} cannot be rotated here")

    def _create(self, secret_id: str, token: str, strategy: Strategy) -> None:
        try:
            self._value(secret_id, token=token)
        except self._client.exceptions.ResourceNotFoundException:
            value = strategy.create(self._value(secret_id, stage=_CURRENT))
            self._client.put_secret_value(
                SecretId=secret_id, ClientRequestToken=token, SecretString=value, VersionStages=[_PENDING]
            )

    def _finish(self, secret_id: str, token: str, versions: Mapping[str, list[str]]) -> None:
        current = next((version for version, stages in versions.items() if _CURRENT in stages), None)
        if current == token:
            return
        moved = {"RemoveFromVersionId": current} if current else {}
        self._client.update_secret_version_stage(
            SecretId=secret_id, VersionStage=_CURRENT, MoveToVersionId=token, **moved
        )

    def _value(self, secret_id: str, *, stage: str | None = None, token: str | None = None) -> str:
        if token is not None:
            found = self._client.get_secret_value(SecretId=secret_id, VersionId=token, VersionStage=_PENDING)
        else:
            found = self._client.get_secret_value(SecretId=secret_id, VersionStage=stage)
        return str(found["SecretString"])
