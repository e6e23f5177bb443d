"""Accounts for tests of identity."""

from __future__ import annotations

from uuid import uuid4

from footnote.identity import SignIn, permissions_of
from footnote.identity.refresh_tokens import parse_token
from footnote.platform.context import OrganizationContext

PASSWORD = "YourSecurePassword123!"


def new_email() -> str:
    return f"{uuid4().hex}@example.com"


def session_of(sign_in: SignIn):
    """The session id behind a pair of tokens."""
    token = parse_token(sign_in.refresh_token)
    assert token is not None
    return token.family_id


def context_of(sign_in: SignIn) -> OrganizationContext:
    """What handlers get for the access token of this sign-in."""
    member = sign_in.member
    return OrganizationContext(
        organization_id=member.organization.organization_id,
        user_id=member.user.user_id,
        role=member.role,
        plan=member.organization.plan,
        permissions=permissions_of(member.role),
        session_id=session_of(sign_in),
    )
