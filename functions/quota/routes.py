"""HTTP of quota."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, status

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest
from footnote.platform.http import Identity
from footnote.quota.controls import EVERYONE
from footnote.quota.rates import Block, RateOverride, Subject
from functions.quota.models import (
    BlockBody,
    BlockedKind,
    BlockRequest,
    BlocksBody,
    CapsBody,
    CapsRequest,
    OverrideBody,
    QuotaBody,
    RateBody,
    RateClassName,
    RatedKind,
    RateRequest,
    RatesBody,
)

router = APIRouter(prefix="/quota", tags=["Quota"], route_class=limited())

MemberId = UUID | Literal["default"]


@router.get("")
async def read_quota(context: Identity) -> QuotaBody:
    """What the organization and the member may use, what is used and reserved, and when it resets."""
    require(context, "organization:read")
    return QuotaBody.of(await container().quota_controls.overview(context))


@router.get("/members/{user_id}")
async def read_caps(user_id: MemberId, context: Identity) -> CapsBody:
    """A member's caps; `default` stands for everyone without their own."""
    require(context, "organization:read")
    return await _caps(context, _member(user_id))


@router.put("/members/{user_id}")
async def set_caps(user_id: MemberId, body: CapsRequest, context: Identity) -> CapsBody:
    """Replaces a member's caps; they hold from the next request on."""
    require(context, "organization:manage")
    caps = {meter: lim for meter, lim in body.model_dump().items() if lim is not None}
    await container().quota_controls.put_caps(context, _member(user_id), caps)
    return await _caps(context, _member(user_id))


@router.delete("/members/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_caps(user_id: MemberId, context: Identity) -> None:
    """Takes a member's own caps away; those of `default` hold."""
    require(context, "organization:manage")
    await container().quota_controls.put_caps(context, _member(user_id), {})


@router.get("/rates")
async def read_rates(context: Identity) -> RatesBody:
    """The rates that are set in the organization, and those in force for the caller."""
    require(context, "organization:read")
    overrides = await container().quota_controls.overrides(context)
    return RatesBody(
        overrides=[OverrideBody.of(override) for override in overrides],
        in_force=[RateBody.of(allowance) for allowance in await container().rates.in_force(context)],
    )


@router.put("/rates")
async def set_rate(body: RateRequest, context: Identity) -> OverrideBody:
    """Sets the requests a minute of a key, a member or each member; no more than the plan allows.

    A key's rate goes before its member's, a member's before the organization's.
    """
    require(context, "organization:manage")
    override = RateOverride(
        subject=_subject(context, body.kind, body.id),
        rate_class=body.rate_class,
        per_minute=body.per_minute,
        created_by=context.user_id,
        expires_at=body.expires_at,
    )
    await container().quota_controls.put_override(context, override)
    return OverrideBody.of(override)


@router.delete("/rates", status_code=status.HTTP_204_NO_CONTENT)
async def delete_rate(
    context: Identity,
    kind: Annotated[RatedKind, Query()],
    rate_class: Annotated[RateClassName, Query()],
    id: Annotated[UUID | None, Query()] = None,  # noqa: A002 - the name of the field
) -> None:
    """Returns to what holds otherwise."""
    require(context, "organization:manage")
    await container().quota_controls.delete_override(context, _subject(context, kind, id), rate_class)


@router.get("/blocks")
async def read_blocks(context: Identity) -> BlocksBody:
    """Who may not call at the moment, until when, and why."""
    require(context, "organization:read")
    found = await container().quota_controls.blocks(context)
    return BlocksBody(blocks=[BlockBody.of(block) for block in found])


@router.put("/blocks")
async def set_block(body: BlockRequest, context: Identity) -> BlockBody:
    """Blocks a member or key for a while, from now on; not oneself, and owners only by owners."""
    require(context, "organization:manage")
    block = Block(
        subject=Subject(body.kind, body.id),
        reason=body.reason,
        expires_at=container().clock.now() + timedelta(seconds=body.duration_s),
        created_by=context.user_id,
    )
    return BlockBody.of(await container().quota_controls.put_block(context, block))


@router.delete("/blocks", status_code=status.HTTP_204_NO_CONTENT)
async def delete_block(
    context: Identity,
    kind: Annotated[BlockedKind, Query()],
    id: Annotated[UUID, Query()],  # noqa: A002 - the name of the field
) -> None:
    """Lifts a block."""
    require(context, "organization:manage")
    await container().quota_controls.delete_block(context, Subject(kind, id))


async def _caps(context: OrganizationContext, user_id: UUID) -> CapsBody:
    controls = container().quota_controls
    caps = await controls.caps(context, user_id)
    return CapsBody.of(user_id, caps, await controls.effective_caps(context, user_id))


def _member(user_id: MemberId) -> UUID:
    return EVERYONE if user_id == "default" else user_id


def _subject(context: OrganizationContext, kind: RatedKind, subject_id: UUID | None) -> Subject:
    if kind == "organization":
        return Subject(kind, subject_id or context.organization_id)
    if subject_id is None:
        raise InvalidRequest(f"Name the {kind} that it is for by 'id'.")
    return Subject(kind, subject_id)
