"""Refresh tokens: derived from a key per family, so that none is ever stored.

    rt1.base64url( family id (16) | generation (4, big-endian) | code (16) | checksum (3) )
    code = HMAC-SHA-256(family key, "footnote/refresh/1" | family id | generation)[:16]
    checksum = the low 24 bits of the CRC-32 of all before; 39 bytes are 52 characters without padding

The store holds the family's key sealed with AES-256-GCM, the family id as additional data, and the current
generation. The successor of a token can be derived again, which makes a retry after a lost answer harmless.
The checksum lets secret scanners and typing errors be told from attacks without a look into the store.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import zlib
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FAMILY_KEY_BYTES = 32
_PREFIX = "rt1."
_CODE_BYTES = 16
_BODY_BYTES = 16 + 4 + _CODE_BYTES
_NONCE_BYTES = 12
_SEAL_VERSION = b"\x01"
_PURPOSE = b"footnote/refresh/1"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token that has the right form; `is_genuine` says whether it was issued."""

    family_id: UUID
    generation: int
    code: bytes = field(repr=False)


def derive_token(family_key: bytes, family_id: UUID, generation: int) -> str:
    """The token of one generation of a family."""
    identity = family_id.bytes + generation.to_bytes(4, "big")
    body = identity + _code(family_key, identity)
    return _PREFIX + base64.urlsafe_b64encode(body + _checksum(body)).decode()


def parse_token(text: str) -> RefreshToken | None:
    """The parts of a token; `None` for anything that does not have its form or checksum."""
    if not text.startswith(_PREFIX):
        return None
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX).encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    body, checksum = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    if len(body) != _BODY_BYTES or checksum != _checksum(body):
        return None
    return RefreshToken(UUID(bytes=body[:16]), int.from_bytes(body[16:20], "big"), body[20:])


def is_genuine(family_key: bytes, token: RefreshToken) -> bool:
    """Whether the token was derived from the family's key."""
    identity = token.family_id.bytes + token.generation.to_bytes(4, "big")
    return hmac.compare_digest(_code(family_key, identity), token.code)


def new_family_key() -> bytes:
    """32 random bytes."""
    return os.urandom(FAMILY_KEY_BYTES)


def seal_key(session_key: bytes, family_id: UUID, family_key: bytes) -> bytes:
    """The family's key as it is stored: version, nonce, ciphertext with tag."""
    nonce = os.urandom(_NONCE_BYTES)
    return _SEAL_VERSION + nonce + AESGCM(session_key).encrypt(nonce, family_key, family_id.bytes)


def open_key(session_key: bytes, family_id: UUID, sealed: bytes) -> bytes | None:
    """The family's key; `None` if it was sealed under another session key or for another family."""
    version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if version != _SEAL_VERSION:
        return None
    try:
        return AESGCM(session_key).decrypt(nonce, ciphertext, family_id.bytes)
    except InvalidTag:
        return None


def _code(family_key: bytes, identity: bytes) -> bytes:
    return hmac.digest(family_key, _PURPOSE + identity, hashlib.sha256)[:_CODE_BYTES]


def _checksum(body: bytes) -> bytes:
    return (zlib.crc32(body) & 0xFFFFFF).to_bytes(3, "big")
