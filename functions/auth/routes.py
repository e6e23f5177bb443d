"""HTTP of sign-up, sign-in, refresh and sign-out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Response, status
from pydantic import BaseModel, Field

from footnote.composition import container
from footnote.composition.admission_edge import limited_by_address
from footnote.identity import Organization, SignIn, User
from footnote.platform.fields import Line
from footnote.platform.http import Identity, RequestModel

router = APIRouter(prefix="/auth", tags=["Authentication"], route_class=limited_by_address())
Body = TypeVar("Body", bound=BaseModel)

DeviceId = Annotated[
    str | None,
    Header(
        alias="X-Device-Id",
        min_length=1,
        max_length=128,
        description="A random id that the client keeps. A device that signed in before is not locked out by"
        " strangers' failed attempts, and may repeat a refresh whose answer got lost.",
    ),
]


class RegisterRequest(RequestModel):
    """A new account; without `organization_name` the organization is named after the member."""

    email: str = Field(max_length=320, examples=["you@example.com"])
    password: str = Field(max_length=1024, examples=["YourSecurePassword123!"])
    display_name: Line | None = None
    organization_name: Line | None = None


class LoginRequest(RequestModel):
    """Credentials."""

    email: str = Field(max_length=320, examples=["you@example.com"])
    password: str = Field(max_length=1024, examples=["YourSecurePassword123!"])


class RefreshRequest(RequestModel):
    """The newest refresh token of a session."""

    refresh_token: str = Field(max_length=256)


class SignedInUser(BaseModel):
    """The person who signed in."""

    user_id: UUID
    email: str
    display_name: str | None
    is_verified: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> SignedInUser:
        return cls.model_validate(user, from_attributes=True)


class SignedInOrganization(BaseModel):
    """`storage_prefix`: objects put below it in the document bucket become documents."""

    organization_id: UUID
    name: str
    kind: str
    plan: str
    storage_prefix: str

    @classmethod
    def of(cls, organization: Organization) -> SignedInOrganization:
        return cls.model_validate(organization, from_attributes=True)


class TokenResponse(BaseModel):
    """`expires_in`: seconds until the access token ends; the refresh token buys the next pair, once."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a token type
    expires_in: int


class SignInResponse(TokenResponse):
    """Tokens, and whose they are."""

    user: SignedInUser
    organization: SignedInOrganization

    @classmethod
    def of(cls, sign_in: SignIn) -> SignInResponse:
        return cls(
            access_token=sign_in.access_token,
            refresh_token=sign_in.refresh_token,
            expires_in=sign_in.expires_in,
            user=SignedInUser.of(sign_in.member.user),
            organization=SignedInOrganization.of(sign_in.member.organization),
        )


@router.post("/register", status_code=status.HTTP_201_CREATED)
async def register(body: RegisterRequest, response: Response, device_id: DeviceId = None) -> SignInResponse:
    """Creates an account with a personal organization and signs it in.

    409 if the e-mail address has an account. Passwords need 8 characters; the most common ones are refused.
    """
    sign_in = await container().authentication.register(
        body.email,
        body.password,
        display_name=body.display_name,
        organization_name=body.organization_name,
        device_id=device_id,
    )
    return _uncached(response, SignInResponse.of(sign_in))


@router.post("/login")
async def login(body: LoginRequest, response: Response, device_id: DeviceId = None) -> SignInResponse:
    """Opens a session.

    401 for a wrong address or password, 429 with `Retry-After` after too many failed attempts.
    """
    sign_in = await container().authentication.login(body.email, body.password, device_id=device_id)
    return _uncached(response, SignInResponse.of(sign_in))


@router.post("/refresh")
async def refresh(body: RefreshRequest, response: Response, device_id: DeviceId = None) -> TokenResponse:
    """Spends a refresh token for a new pair.

    A token that is used twice ends its session: someone else may hold it. A repeat within ten seconds by the
    same device gets the same answer, in case the first got lost.
    """
    sign_in = await container().authentication.refresh(body.refresh_token, device_id=device_id)
    return _uncached(
        response,
        TokenResponse(
            access_token=sign_in.access_token,
            refresh_token=sign_in.refresh_token,
            expires_in=sign_in.expires_in,
        ),
    )


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(context: Identity) -> None:
    """Ends the session: its refresh token at once, its access token within seconds."""
    await container().authentication.logout(context)


def _uncached(response: Response, body: Body) -> Body:
    """Tokens may not be stored by anything on the way (RFC 6749, section 5.1)."""
    response.headers["Cache-Control"] = "no-store"
    return body
