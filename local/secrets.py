"""The secrets of one stack: generated once, kept in a file that only the owner may read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from local.bootstrap import ROLES
from local.privileges import give
from local.stack import GENERATION_SECRET, REDIS_SECRET, WEBHOOKS_SECRET, postgres_secret

SIGNING_SECRET = "footnote/identity/signing"  # noqa: S105 - an id
VERIFICATION_SECRET = "footnote/identity/verification"  # noqa: S105 - an id


@dataclass(frozen=True)
class StackSecrets:
    """Everything that only this stack may know.

    Attributes:
        superuser: Password of the database superuser.
        roles: Passwords of the database roles.
        redis: Password of Redis.
        key_id: Names the signing key in tokens.
        private_key_pem: Ed25519, signs access tokens.
        public_key_pem: Verifies them.
        session_key_base64: 32 bytes, seal refresh sessions.
        credential_key: Functions' AWS credentials are derived from it.
        webhooks: The secrets of webhook endpoints are derived from it.
    """

    superuser: str
    roles: dict[str, str]
    redis: str
    key_id: str
    private_key_pem: str
    public_key_pem: str
    session_key_base64: str
    credential_key: str
    webhooks: str = ""

    def for_secrets_manager(self, generation_api_key: str | None = None) -> dict[str, str]:
        """What Secrets Manager holds: secret id to secret string."""
        signing = {
            "kid": self.key_id,
            "private_key_pem": self.private_key_pem,
            "session_key_base64": self.session_key_base64,
        }
        verification = {"keys": [{"kid": self.key_id, "public_key_pem": self.public_key_pem}]}
        values = {postgres_secret(role): self.roles[role] for role in ROLES[1:]}
        values |= {
            SIGNING_SECRET: json.dumps(signing),
            VERIFICATION_SECRET: json.dumps(verification),
            REDIS_SECRET: self.redis,
            WEBHOOKS_SECRET: self.webhooks,
        }
        if generation_api_key:
            values[GENERATION_SECRET] = generation_api_key
        return values


def load_or_create(file: Path) -> StackSecrets:
    """Reads the stack's secrets; generates and stores them the first time, and what a newer version adds.

    Raises:
        ValueError: The file is there and does not hold this stack's secrets.
    """
    if file.exists():
        try:
            known = StackSecrets(**json.loads(file.read_text()))
            missing = set(ROLES) - known.roles.keys()
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{file} is damaged; it holds the passwords of the data beside it") from error
        if not missing and known.webhooks:
            return known
        added = {role: secrets.token_urlsafe(24) for role in sorted(missing)}
        generated = replace(
            known, roles=known.roles | added, webhooks=known.webhooks or secrets.token_hex(32)
        )
    else:
        generated = _generate()
    write_private(file, json.dumps(asdict(generated), indent=1))
    return generated


def write_private(file: Path, text: str) -> None:
    """Writes a file that only the service account (and root) may read, all of it or nothing."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    give(scratch)
    scratch.rename(file)


def _generate() -> StackSecrets:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return StackSecrets(
        superuser=secrets.token_urlsafe(24),
        roles={role: secrets.token_urlsafe(24) for role in ROLES},
        redis=secrets.token_urlsafe(24),
        key_id=secrets.token_hex(8),
        private_key_pem=private.decode(),
        public_key_pem=public.decode(),
        session_key_base64=base64.b64encode(secrets.token_bytes(32)).decode(),
        credential_key=secrets.token_hex(32),
        webhooks=secrets.token_hex(32),
    )
