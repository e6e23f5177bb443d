"""The sample account that the `footnote` command acts as."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from local.client import ApiClient, ApiError
from local.secrets import write_private

EMAIL = "demo@footnote.example"


@dataclass(frozen=True)
class Account:
    """An account and what was done with it.

    Attributes:
        has_samples: Whether the sample documents were loaded once.
    """

    email: str
    password: str
    has_samples: bool = False


def load_or_create(file: Path) -> Account:
    """The sample account of a stack; its password is generated once."""
    try:
        return Account(**json.loads(file.read_text()))
    except FileNotFoundError:
        account = Account(EMAIL, _password())
        _save(file, account)
        return account


def mark_samples_loaded(file: Path) -> None:
    """Remembers that the sample documents need not be loaded again."""
    _save(file, replace(load_or_create(file), has_samples=True))


def sign_in(client: ApiClient, account: Account) -> None:
    """Signs the client in; registers the account the first time.

    Raises:
        ApiError: Both were refused.
    """
    try:
        client.login(account.email, account.password)
    except ApiError as error:
        if error.status != 401:
            raise
        client.register(account.email, account.password)
        client.login(account.email, account.password)


def _save(file: Path, account: Account) -> None:
    write_private(file, json.dumps(asdict(account), indent=1))


def _password() -> str:
    """Letters of both cases, digits and signs, whatever a policy asks for; 64 bits and more of chance."""
    return f"Fn-{secrets.token_hex(4)}-{secrets.token_urlsafe(8)}7a"
