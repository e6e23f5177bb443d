"""Holds of work that has a fence of its own: whoever has taken the work over takes its hold over as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict
from footnote.quota.models import Denied, HoldRequest, InProgress, Reserved
from footnote.quota.ports import QuotaStore

# A worker that has lost the work may still reserve once after its hold was ended.
_TURNS = 3


async def reserve_fenced(
    store: QuotaStore, context: OrganizationContext, prepare: Callable[[], Awaitable[HoldRequest]]
) -> Reserved | Denied:
    """Reserves for work of which one worker at a time is the owner.

    Args:
        store: The authority.
        context: The organization, and the member for whom it is done.
        prepare: Makes sure that the work is the caller's, ends the open hold of an earlier owner, and says
            what is to be reserved.

    Raises:
        Conflict: Others reserve for the same work again and again.
        ServiceUnavailable: The store is down.
    """
    for _ in range(_TURNS):
        answer = await store.reserve(context, await prepare())
        if isinstance(answer, Reserved | Denied):
            return answer
        if not isinstance(answer, InProgress):
            problem = f"the hold of unfinished work is closed: {type(answer).__name__}"
            raise RuntimeError(problem)  # noqa: TRY004 - no argument has a wrong type
    raise Conflict("Another worker has reserved for the same work.", retry_after_s=1)
