"""Names of Redis keys. Every key begins with its organization, or with `p` where nobody has signed in."""

from __future__ import annotations

from uuid import UUID


def organization_key(organization_id: UUID, *parts: str | UUID) -> str:
    """`t:{organization}:{part}:{part}...`.

    Raises:
        ValueError: A part is empty or holds a colon, so that it could name the key of something else.
    """
    return ":".join(("t", str(organization_id), *_checked(parts)))


def platform_key(*parts: str) -> str:
    """`p:{part}:{part}...`, for what belongs to no organization.

    Raises:
        ValueError: See `organization_key`.
    """
    return ":".join(("p", *_checked(parts)))


def _checked(parts: tuple[str | UUID, ...]) -> list[str]:
    texts = [str(part) for part in parts]
    if not texts or any(not text or ":" in text for text in texts):
        raise ValueError("a part of a Redis key is empty or holds a colon")
    return texts
