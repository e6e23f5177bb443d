"""Who you are: passwords, tokens, sessions, organizations.

What stands here needs no third-party package, so every function may import it.
"""

from footnote.identity.models import (
    AccessClaims,
    Member,
    Organization,
    Profile,
    ProfileChange,
    Role,
    SignIn,
    User,
)
from footnote.identity.permissions import PERMISSIONS, Permission, permissions_of, require

__all__ = [
    "PERMISSIONS",
    "AccessClaims",
    "Member",
    "Organization",
    "Permission",
    "Profile",
    "ProfileChange",
    "Role",
    "SignIn",
    "User",
    "permissions_of",
    "require",
]
