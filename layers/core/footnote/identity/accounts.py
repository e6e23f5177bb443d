"""A member's own account."""

from __future__ import annotations

import json

from footnote.identity.models import Profile, ProfileChange
from footnote.identity.ports import AccountStore
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, NotAuthenticated

_MAX_PREFERENCES_BYTES = 8 * 1024


class Accounts:
    """The use cases of `accounts`.

    Args:
        store: Where accounts are.
    """

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    async def profile(self, context: OrganizationContext) -> Profile:
        """The account behind the request.

        Raises:
            NotAuthenticated: The account is closed or the session has ended since the token was issued.
        """
        return _present(await self._store.profile(context))

    async def change_profile(self, context: OrganizationContext, change: ProfileChange) -> Profile:
        """Stores what the member changed and returns the account as it is then.

        Raises:
            InvalidRequest: The preferences are too large or hold text that cannot be stored.
            NotAuthenticated: As for `profile`.
        """
        if change.preferences is not None:
            _check_preferences(change.preferences)
        return _present(await self._store.change_profile(context, change))


def _present(profile: Profile | None) -> Profile:
    if profile is None:
        raise NotAuthenticated("The session has ended. Sign in again.")
    return profile


def _check_preferences(preferences: dict[str, object]) -> None:
    """JSON that Postgres can store: no NUL, no half of a surrogate pair, no NaN."""
    try:
        text = json.dumps(preferences, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except ValueError as error:
        raise InvalidRequest("The preferences hold a number or a text that cannot be stored.") from error
    # Without escaped backslashes, what looks like an escaped NUL is one.
    if "\\u0000" in text.replace("\\\\", ""):
        raise InvalidRequest("The preferences hold a NUL character.")
    if size > _MAX_PREFERENCES_BYTES:
        raise InvalidRequest(f"The preferences are larger than {_MAX_PREFERENCES_BYTES} bytes.")
