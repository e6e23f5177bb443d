"""HTTP of the member's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import Profile, ProfileChange
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.fields import Line
from footnote.platform.http import Identity, RequestModel

router = APIRouter(prefix="/users", tags=["Accounts"], route_class=limited())


class AccountUser(BaseModel):
    """The person; `preferences` belong to the client and mean nothing to Footnote."""

    user_id: UUID
    email: str
    display_name: str | None
    is_verified: bool
    created_at: datetime
    last_login_at: datetime | None
    preferences: dict[str, Any]


class AccountOrganization(BaseModel):
    """`storage_prefix`: objects put below it in the document bucket become documents."""

    organization_id: UUID
    name: str
    kind: str
    plan: str
    storage_prefix: str


class UserReference(BaseModel):
    """What the access token alone says of the person."""

    user_id: UUID


class OrganizationReference(BaseModel):
    """What the access token alone says of the organization."""

    organization_id: UUID
    plan: str


class AccountResponse(BaseModel):
    """The account. `role` and `permissions` are those of the access token that was sent.

    While the database is down the answer holds what the token says and `is_complete` is false.
    """

    user: AccountUser | UserReference
    organization: AccountOrganization | OrganizationReference
    role: str
    permissions: list[str]
    is_complete: bool


class AccountChange(RequestModel):
    """Fields that are left out stay as they are; `preferences` are replaced as a whole (8 KiB of JSON)."""

    display_name: Line | None = None
    preferences: dict[str, Any] | None = None


@router.get("/me")
async def read_account(context: Identity) -> AccountResponse:
    """Who is signed in, in which organization, and what the member may do there."""
    try:
        profile = await container().accounts.profile(context)
    except ServiceUnavailable:
        return _known_from_token(context)
    return _complete(context, profile)


@router.patch("/me")
async def change_account(body: AccountChange, context: Identity) -> AccountResponse:
    """Changes the display name or the preferences."""
    change = ProfileChange(display_name=body.display_name, preferences=body.preferences)
    return _complete(context, await container().accounts.change_profile(context, change))


def _complete(context: OrganizationContext, profile: Profile) -> AccountResponse:
    user, organization = profile.member.user, profile.member.organization
    return AccountResponse(
        user=AccountUser(
            user_id=user.user_id,
            email=user.email,
            display_name=user.display_name,
            is_verified=user.is_verified,
            created_at=user.created_at,
            last_login_at=profile.last_login_at,
            preferences=profile.preferences,
        ),
        organization=AccountOrganization.model_validate(organization, from_attributes=True),
        role=context.role,
        permissions=sorted(context.permissions),
        is_complete=True,
    )


def _known_from_token(context: OrganizationContext) -> AccountResponse:
    return AccountResponse(
        user=UserReference(user_id=context.acting_user()),
        organization=OrganizationReference(organization_id=context.organization_id, plan=context.plan),
        role=context.role,
        permissions=sorted(context.permissions),
        is_complete=False,
    )
