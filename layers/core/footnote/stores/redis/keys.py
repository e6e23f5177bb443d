"""Names of Redis keys. Every key begins with its organization."""

from __future__ import annotations

from uuid import UUID


def organization_key(organization_id: UUID, *parts: str | UUID) -> str:
    """`t:{organization}:{part}:{part}...`.

    Raises:
        ValueError: A part is empty or holds a colon, so that it could name the key of something else.
    """
    texts = [str(part) for part in parts]
    if not texts or any(not text or ":" in text for text in texts):
        raise ValueError("a part of a Redis key is empty or holds a colon")
    return ":".join(("t", str(organization_id), *texts))
