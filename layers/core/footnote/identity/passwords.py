"""Passwords: which ones are accepted, and how they are hashed (Argon2id)."""

from __future__ import annotations

import asyncio
import base64
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from footnote.platform.errors import InvalidRequest
from footnote.platform.logging import get_logger
from footnote.platform.settings import IdentitySettings

_HASH_BYTES = 32
_SALT_BYTES = 16

logger = get_logger("passwords")


def normalize(password: str) -> str:
    """The password in Unicode form NFKC, so that it matches however a keyboard composes it (ASVS 5, 6.2)."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Passwords that every attacker tries first, in lower case."""
    text = files("footnote.identity").joinpath("data/common_passwords.txt").read_text()
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


class PasswordPolicy:
    """Which passwords are accepted: long enough, not common, not the e-mail address. No composition rules.

    Args:
        settings: `password_min_length` in characters, `password_max_bytes` in bytes of UTF-8.
    """

    def __init__(self, settings: IdentitySettings) -> None:
        self._settings = settings

    def check_length(self, password: str) -> None:
        """Refuses what is too long to be hashed; passwords are never truncated.

        Raises:
            InvalidRequest: Longer than `password_max_bytes`.
        """
        limit = self._settings.password_max_bytes
        if max(len(password.encode()), len(normalize(password).encode())) > limit:
            raise InvalidRequest(f"The password is longer than {limit} bytes.")

    def check(self, password: str, email: str) -> None:
        """Accepts a new password or says why not.

        Raises:
            InvalidRequest: Too short, too long, common, or the e-mail address (or its local part).
        """
        self.check_length(password)
        minimum = self._settings.password_min_length
        plain = normalize(password)
        if len(plain) < minimum:
            raise InvalidRequest(f"The password needs at least {minimum} characters.")
        folded = plain.casefold()
        if folded in common_passwords():
            raise InvalidRequest("This password is one of the most common ones. Choose another.")
        if folded in {email.casefold(), email.casefold().rpartition("@")[0]}:
            raise InvalidRequest("The password must not be the e-mail address.")


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a password is right, and whether its hash has outdated parameters."""

    is_right: bool
    needs_rehash: bool = False


class Passwords:
    """Hashes and verifies in a thread: each call takes tens of milliseconds of pure computation.

    Args:
        settings: Argon2id parameters (memory in KiB, passes, lanes). The defaults are the first
            choice of the OWASP Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane.
    """

    def __init__(self, settings: IdentitySettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_parallelism,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=Type.ID,
        )
        self._nobody = _hash_of_nobody(settings)

    async def hash(self, password: str) -> str:
        """The password's hash in PHC format, with a new salt."""
        return await asyncio.to_thread(self._hasher.hash, normalize(password))

    async def verify(self, hashed_password: str | None, password: str) -> Verification:
        """Checks a password.

        Without a hash (no such account) the same work is done against a hash that no password has, so that
        the time of an answer does not tell accounts from other addresses.
        """
        return await asyncio.to_thread(self._verify, hashed_password or self._nobody, normalize(password))

    def _verify(self, hashed_password: str, password: str) -> Verification:
        try:
            self._hasher.verify(hashed_password, password)
        except InvalidHashError:
            logger.exception("a stored password hash is not readable")
            return Verification(is_right=False)
        except VerificationError:
            return Verification(is_right=False)
        return Verification(True, self._hasher.check_needs_rehash(hashed_password))


def _hash_of_nobody(settings: IdentitySettings) -> str:
    """A well-formed hash with the current parameters whose digest is all zeros."""
    salt, digest = (
        base64.b64encode(bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES)
    )
    cost = f"m={settings.argon2_memory_kib},t={settings.argon2_time_cost},p={settings.argon2_parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"
