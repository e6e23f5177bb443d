"""Who is asking: the organization and user that every store method is bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OrganizationContext:
    """The tenant boundary. Built only from a verified identity or by ingestion from a registered prefix.

    Attributes:
        organization_id: The organization all reads and writes are confined to.
        user_id: The acting member; `None` for background work on behalf of the organization.
        role: The member's role in the organization (`owner`, `admin`, `member`, `viewer`, `system`).
        plan: The organization's plan (`free`, `pro`, `enterprise`).
        permissions: Granted permission names.
        session_id: The login session (token family) behind the request.
        request_id: The request's id, for logs and error bodies.
        key_id: The API key that the member calls by, if any.
    """

    organization_id: UUID
    user_id: UUID | None = None
    role: str = "system"
    plan: str = "free"
    permissions: frozenset[str] = field(default_factory=frozenset)
    session_id: UUID | None = None
    request_id: str = ""
    key_id: UUID | None = None

    def acting_user(self) -> UUID:
        """The acting member's id.

        Raises:
            RuntimeError: In background work, where no member acts; a defect of the caller.
        """
        if self.user_id is None:
            raise RuntimeError("this operation needs an acting user")
        return self.user_id
