"""The signing secret and the verification secret of the next period.

The signing secret holds the key that signs, and the one that will sign after the next rotation; the
verification secret holds the public keys of both, and of the one before, whose tokens live on for minutes.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from footnote.identity.keys import SESSION_KEY_BYTES, parse_signing_keys

_KEPT = 3


def new_signing_secret() -> str:
    """A signing secret from nothing: for a new stage."""
    first, following = _new_key(), _new_key()
    session_key = base64.b64encode(secrets.token_bytes(SESSION_KEY_BYTES)).decode()
    return json.dumps({**first, "session_key_base64": session_key, "next": following})


def new_verification_secret(signing_secret: str) -> str:
    """The verification secret that belongs to a new signing secret."""
    return with_verification_key('{"keys": []}', signing_secret, signing_secret)


def rotate_signing_secret(current: str) -> str:
    """The announced key signs from now on, and a new one is announced. The session key stays: sessions go on.

    Raises:
        ValueError: The secret is not of the documented form.
    """
    parse_signing_keys(current)
    content: dict[str, Any] = json.loads(current)
    following = content.get("next")
    signs = following or {key: content[key] for key in ("kid", "private_key_pem")}
    return json.dumps({**signs, "session_key_base64": content["session_key_base64"], "next": _new_key()})


def with_verification_key(verification: str, current: str, pending: str) -> str:
    """The verification secret with the public keys of both signing secrets, the newest last.

    Args:
        verification: As it is.
        current: The signing secret in force.
        pending: The one that comes.
    """
    known = {entry["kid"]: entry for entry in json.loads(verification)["keys"]}
    for secret in (current, pending):
        content = json.loads(secret)
        for key in (content, content.get("next")):
            if key is not None and key["kid"] not in known:
                known[key["kid"]] = {"kid": key["kid"], "public_key_pem": _public(key["private_key_pem"])}
    return json.dumps({"keys": list(known.values())[-_KEPT - 1 :]})


def _new_key() -> dict[str, str]:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"kid": secrets.token_hex(8), "private_key_pem": private.decode()}


def _public(private_key_pem: str) -> str:
    key = load_pem_private_key(private_key_pem.encode(), password=None)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()
