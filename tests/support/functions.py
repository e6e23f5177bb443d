"""Functions of the API called over HTTP in this process, as the gateway calls them."""

from __future__ import annotations

import json
from typing import Any

import httpx

from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id


def request_context(context: OrganizationContext, **changes: str) -> dict[str, Any]:
    """What API Gateway adds to a request of a member."""
    claims = {
        "organization_id": str(context.organization_id),
        "user_id": str(context.user_id),
        "role": context.role,
        "plan": context.plan,
        "permissions": ",".join(sorted(context.permissions)),
    }
    return {"requestId": str(new_id()), "authorizer": {**claims, **changes}}


class FunctionClient:
    """Requests of members to one function's application."""

    def __init__(self, app: Any) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://api")

    async def call(
        self,
        context: OrganizationContext | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        more_headers: dict[str, str] | None = None,
        claims: dict[str, str] | None = None,
        address: str = "",
        **options: Any,
    ) -> httpx.Response:
        """One request of `context`'s member, or without identity; `claims` are added to the authorizer's."""
        authorized = request_context(context, **(claims or {})) if context else {"requestId": str(new_id())}
        if address:
            authorized["identity"] = {"sourceIp": address}
        headers = {"x-amzn-request-context": json.dumps(authorized), **(more_headers or {})}
        return await self._client.request(method, path, json=body, headers=headers, **options)
