"""What the roles of an organization may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotPermitted

Permission = Literal[
    "billing:manage",
    "billing:read",
    "chat:audit",
    "chat:read",
    "chat:write",
    "documents:delete",
    "documents:read",
    "documents:write",
    "evaluation:read",
    "evaluation:run",
    "evaluation:write",
    "organization:manage",
    "organization:read",
    "search:query",
]

_VIEWER: frozenset[Permission] = frozenset(
    {"chat:read", "chat:write", "documents:read", "organization:read", "search:query"}
)
_MEMBER: frozenset[Permission] = _VIEWER | {"documents:write", "evaluation:read", "evaluation:write"}
_ADMIN: frozenset[Permission] = _MEMBER | {
    "billing:read",
    "chat:audit",
    "documents:delete",
    "evaluation:run",
    "organization:manage",
}
_OWNER: frozenset[Permission] = _ADMIN | {"billing:manage"}

PERMISSIONS: Mapping[str, frozenset[Permission]] = MappingProxyType(
    {"viewer": _VIEWER, "member": _MEMBER, "admin": _ADMIN, "owner": _OWNER}
)
"""Permissions by role; each role has all of the one before."""


def permissions_of(role: str) -> frozenset[Permission]:
    """The permissions of a role; none for a role that does not exist."""
    return PERMISSIONS.get(role, frozenset())


def require(context: OrganizationContext, permission: Permission) -> None:
    """Lets the request go on if its member has the permission.

    Raises:
        NotPermitted: The member's role does not include it.
    """
    if permission not in context.permissions:
        raise NotPermitted(
            f"Your role in this organization ({context.role}) does not include '{permission}'.",
            details={"permission": permission, "role": context.role},
        )
