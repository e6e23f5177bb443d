"""Who calls AWS: each function has credentials of its own, and so has the operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from footnote.platform.manifest import FunctionManifest
from local.aws.errors import AwsError, access_denied
from local.stack import (
    EMBEDDING_ENDPOINT,
    RERANKING_ENDPOINT,
    Credentials,
    StackConfig,
    function_credentials,
    readable_secrets,
)

OPERATOR = "operator"
_SENDING = frozenset({"GetQueueUrl", "SendMessage", "SendMessageBatch"})
# What `grants.endpoints` calls them, by the endpoint's name.
_ENDPOINTS = {EMBEDDING_ENDPOINT: "embedding", RERANKING_ENDPOINT: "reranking"}


@dataclass(frozen=True)
class Principal:
    """A caller.

    Attributes:
        name: The function's name, or `operator`.
        credentials: What it signs with.
        manifest: The function; none for the operator, who may do everything.
    """

    name: str
    credentials: Credentials
    manifest: FunctionManifest | None

    def require_bucket(self, operation: str) -> None:
        """Checks an object operation: `read`, `write` or `delete`.

        Raises:
            AwsError: Not granted in `function.toml`.
        """
        if self.manifest is not None and operation not in self.manifest.grants.bucket:
            raise access_denied(
                f"function {self.name} may not {operation} objects: see [grants] bucket in its function.toml"
            )

    def require_secret(self, secret_id: str) -> None:
        """Checks reading a secret.

        Raises:
            AwsError: Not granted.
        """
        if self.manifest is not None and secret_id not in readable_secrets(self.manifest):
            raise access_denied(f"function {self.name} may not read the secret {secret_id}")

    def require_endpoint(self, endpoint: str) -> None:
        """Checks invoking a model endpoint.

        Raises:
            AwsError: Not granted.
        """
        granted = (
            self.manifest is None or _ENDPOINTS.get(endpoint, endpoint) in self.manifest.grants.endpoints
        )
        if not granted:
            raise access_denied(f"function {self.name} may not invoke the endpoint {endpoint}")

    def require_queue(self, queue: str, operation: str) -> None:
        """Checks an operation on a queue: functions send, and ask for the address; the event source receives.

        Raises:
            AwsError: Not granted.
        """
        if self.manifest is None:
            return
        if operation not in _SENDING or queue not in self.manifest.grants.queues:
            raise access_denied(
                f"function {self.name} may not do {operation} on the queue {queue}:"
                " see [grants] queues in its function.toml"
            )

    def require_mail(self) -> None:
        """Checks sending mail.

        Raises:
            AwsError: Not granted.
        """
        if self.manifest is not None and not self.manifest.grants.mail:
            raise access_denied(
                f"function {self.name} may not send mail: see [grants] mail in its function.toml"
            )

    def require_operator(self, what: str) -> None:
        """Checks that it is no function that asks for what no grant can name.

        Raises:
            AwsError: It is a function.
        """
        if self.manifest is not None:
            raise access_denied(f"function {self.name} is not authorized to perform: {what}")


class Keyring:
    """All callers by access key."""

    def __init__(self, config: StackConfig, manifests: Iterable[FunctionManifest]) -> None:
        principals = [Principal(OPERATOR, function_credentials(config, OPERATOR), None)]
        principals += [
            Principal(each.name, function_credentials(config, each.name), each) for each in manifests
        ]
        self._by_key = {principal.credentials.access_key_id: principal for principal in principals}
        self._by_token = {principal.credentials.session_token: principal for principal in principals}

    def by_access_key(self, access_key_id: str) -> Principal:
        """The caller behind an access key.

        Raises:
            AwsError: Nobody has it.
        """
        principal = self._by_key.get(access_key_id)
        if principal is None:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise AwsError("InvalidAccessKeyId", message, 403, AWSAccessKeyId=access_key_id)
        return principal

    def by_session_token(self, token: str) -> Principal | None:
        """The caller behind a session token."""
        return self._by_token.get(token)
