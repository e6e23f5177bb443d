"""Secrets Manager, held by moto: filled at every start, read for the Lambda extension."""

from __future__ import annotations

import json
from collections.abc import Mapping

from local.aws.errors import AwsError
from local.aws.moto import Moto

_SERVICE = "secretsmanager"


class SecretsManager:
    """The operations that the stack itself needs."""

    def __init__(self, moto: Moto) -> None:
        self._moto = moto

    async def put(self, secrets: Mapping[str, str]) -> None:
        """Makes each secret hold its value; creates what is missing and leaves what is right alone.

        Raises:
            AwsError: moto refuses.
        """
        for name, value in secrets.items():
            status, body = await self._moto.call(
                _SERVICE, "secretsmanager.GetSecretValue", {"SecretId": name}
            )
            if status == 200 and json.loads(body)["SecretString"] == value:
                continue
            if status == 200:
                operation, parameters = "PutSecretValue", {"SecretId": name, "SecretString": value}
            else:
                operation, parameters = "CreateSecret", {"Name": name, "SecretString": value}
            status, body = await self._moto.call(_SERVICE, f"secretsmanager.{operation}", parameters)
            if status != 200:
                raise AwsError("InternalServiceError", f"the secret {name} cannot be stored", 500)

    async def get(self, secret_id: str) -> bytes:
        """The answer of `GetSecretValue`.

        Raises:
            AwsError: There is no such secret.
        """
        status, body = await self._moto.call(
            _SERVICE, "secretsmanager.GetSecretValue", {"SecretId": secret_id}
        )
        if status != 200:
            document = json.loads(body)
            code = str(document.get("__type", "ResourceNotFoundException"))
            raise AwsError(code, str(document.get("message") or document.get("Message") or ""), 400)
        return body
