"""Signing and verification keys, as they stand in Secrets Manager.

Only `auth` reads the signing secret:
    {"kid": "...", "private_key_pem": "...", "session_key_base64": "..."}
`auth` and `authorizer` read the verification secret:
    {"keys": [{"kid": "...", "public_key_pem": "..."}]}

To rotate the signing key: add the new public key to the verification secret, wait until every process has
read it (the caches' time), replace the signing secret, wait for the life of an access token, and remove the
old public key.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import BaseModel, ConfigDict

SESSION_KEY_BYTES = 32

VerificationKeys = Mapping[str, Ed25519PublicKey]
"""Public keys by `kid`."""

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """What `auth` signs and seals with.

    Attributes:
        kid: Names the key in tokens.
        private_key: Signs access tokens.
        session_key: 32 bytes; seals the keys of refresh-token families. Replacing it ends all sessions.
    """

    kid: str
    private_key: Ed25519PrivateKey = field(repr=False)
    session_key: bytes = field(repr=False)


class _Secret(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _SigningSecret(_Secret):
    kid: str
    private_key_pem: str
    session_key_base64: str


class _VerificationKey(_Secret):
    kid: str
    public_key_pem: str


class _VerificationSecret(_Secret):
    keys: tuple[_VerificationKey, ...]


def parse_signing_keys(secret: str) -> SigningKeys:
    """Reads the signing secret.

    Raises:
        ValueError: It is not of the form above.
    """
    content = _SigningSecret.model_validate_json(secret)
    private_key = load_pem_private_key(content.private_key_pem.encode(), password=None)
    session_key = base64.b64decode(content.session_key_base64, validate=True)
    if not isinstance(private_key, Ed25519PrivateKey) or len(session_key) != SESSION_KEY_BYTES:
        raise ValueError("the signing secret needs an Ed25519 key and a session key of 32 bytes")
    return SigningKeys(content.kid, private_key, session_key)


def parse_verification_keys(secret: str) -> VerificationKeys:
    """Reads the verification secret.

    Raises:
        ValueError: It is not of the form above, or a key is not an Ed25519 key.
    """
    content = _VerificationSecret.model_validate_json(secret)
    return {entry.kid: _public_key(entry.public_key_pem) for entry in content.keys}


def _public_key(pem: str) -> Ed25519PublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a verification key is not an Ed25519 key")  # noqa: TRY004 - bad data, not a bad call
    return key


class SecretSource(Protocol):
    """Anything that answers a secret's current text by its id."""

    async def get(self, secret_id: str) -> str: ...


class CurrentKeys(Generic[_Parsed]):
    """A secret in its parsed form, parsed again only when its text changes.

    Args:
        secrets: Where the secret is read.
        secret_id: Its id.
        parse: Makes keys of its text.
    """

    def __init__(self, secrets: SecretSource, secret_id: str, parse: Callable[[str], _Parsed]) -> None:
        self._secrets = secrets
        self._secret_id = secret_id
        self._parse = parse
        self._known: tuple[str, _Parsed] | None = None

    async def get(self) -> _Parsed:
        """The current keys.

        Raises:
            ServiceUnavailable: The secret cannot be read.
            ValueError: The secret is not of the documented form.
        """
        text = await self._secrets.get(self._secret_id)
        if self._known is None or self._known[0] != text:
            self._known = (text, self._parse(text))
        return self._known[1]
