"""Who is invoiced, and in which time zone an organization counts its days and months."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class BillingProfile:
    """Who is invoiced.

    Attributes:
        address: Lines.
        tax_basis_points: Hundredths of a percent; operators set it.
        time_zone: IANA name, in force now.
        next_time_zone, next_from: Another one that was asked for, and from when it holds.
        month_ends: When the quota's month that runs now ends. After a change of time zone this is an end of a
            month of the new one, some hours earlier or later than otherwise.
        organization_name: What the organization calls itself.
    """

    legal_name: str = ""
    address: str = ""
    tax_id: str = ""
    email: str = ""
    tax_basis_points: int = 0
    time_zone: str = "UTC"
    next_time_zone: str | None = None
    next_from: datetime | None = None
    month_ends: datetime | None = None
    organization_name: str = field(default="", compare=False)

    @property
    def buyer_name(self) -> str:
        """The name on invoices."""
        return self.legal_name or self.organization_name


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What an organization says of itself."""

    legal_name: str
    address: str
    tax_id: str
    email: str
    time_zone: str


class ProfileStore(Protocol):
    """Where profiles are kept."""

    async def read(self, context: OrganizationContext) -> BillingProfile:
        """The organization's; an empty one before it was written."""
        ...

    async def write(self, context: OrganizationContext, change: ProfileChange) -> BillingProfile:
        """Replaces it; another time zone holds from the next month on, so that no windows overlap.

        Raises:
            InvalidRequest: The time zone is none of IANA's.
        """
        ...
