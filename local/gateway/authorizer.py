"""Asks the authorizer function who a caller is, and keeps its answer as API Gateway does.

The identity source is the `Authorization` header: without it the function is not asked. Its answer, a policy
and a context, is kept for `authorizer_result_ttl_s` under the header's value, and the policy is evaluated
against each method's ARN anew.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from footnote.platform.errors import FootnoteError, NotAuthenticated, NotPermitted
from local.gateway.events import GatewayRequest, authorizer_event, method_arn
from local.gateway.routes import Match
from local.runtime.invocation import Invoker

DEFAULT_TTL_S = 300
_CACHED_ANSWERS = 10_000
_SIGN_IN = "Sign in and send the access token as 'Authorization: Bearer <token>'."

logger = logging.getLogger("footnote.local.gateway")


class AuthorizerFailed(FootnoteError):
    """The authorizer crashed or answered what is no policy (API Gateway: AUTHORIZER_CONFIGURATION_ERROR)."""

    code = "INTERNAL_ERROR"
    status = 500


@dataclass(frozen=True)
class _Answer:
    policy: tuple[Mapping[str, Any], ...]
    context: dict[str, Any]
    expires: float


class Authorizer:
    """One authorizer function.

    Args:
        runtime: Runs it.
        function: Its name.
        ttl_s: How long an answer counts; 0 keeps none.
        now: A clock in seconds that never goes back.
    """

    def __init__(
        self, runtime: Invoker, function: str, ttl_s: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._runtime = runtime
        self._function = function
        self._ttl_s = ttl_s
        self._now = now
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[_Answer]] = {}

    async def authorize(self, request: GatewayRequest, match: Match) -> dict[str, Any]:
        """The authorizer's context for a request, all values strings.

        Raises:
            NotAuthenticated: No credentials, or the authorizer does not know them.
            NotPermitted: Its policy does not allow this method.
            AuthorizerFailed: It failed.
        """
        credentials = request.header("authorization")
        if not credentials:
            raise NotAuthenticated(_SIGN_IN)
        answer = await self._answer(hashlib.sha256(credentials.encode()).digest(), request, match)
        if not allows(answer.policy, method_arn(request)):
            raise NotPermitted("You may not use this part of the API.")
        return answer.context

    async def _answer(self, key: bytes, request: GatewayRequest, match: Match) -> _Answer:
        known = self._answers.get(key)
        if known is not None and known.expires > self._now():
            return known
        asking = self._asking.get(key) if self._ttl_s else None
        if asking is None:
            asking = asyncio.get_running_loop().create_task(self._ask(request, match))
            if self._ttl_s:
                self._asking[key] = asking
                asking.add_done_callback(partial(self._asked, key))
        answer = await asyncio.shield(asking)
        self._keep(key, answer)
        return answer

    def _asked(self, key: bytes, asking: asyncio.Task[_Answer]) -> None:
        self._asking.pop(key, None)
        if not asking.cancelled():
            asking.exception()  # seen, although every caller may have left

    def _keep(self, key: bytes, answer: _Answer) -> None:
        if self._ttl_s:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            if len(self._answers) > _CACHED_ANSWERS:
                self._answers.popitem(last=False)

    async def _ask(self, request: GatewayRequest, match: Match) -> _Answer:
        result = await self._runtime.invoke(self._function, authorizer_event(request, match))
        if result.function_error:
            if result.error().get("errorMessage") == "Unauthorized":
                raise NotAuthenticated(_SIGN_IN)
            logger.error("the authorizer failed: %s", result.error().get("errorType"))
            raise AuthorizerFailed("The identity of the caller could not be established.")
        return _parse(result.payload, self._now() + self._ttl_s)


def _parse(payload: bytes, expires: float) -> _Answer:
    try:
        document = json.loads(payload)
        statements = document["policyDocument"]["Statement"]
        policy = tuple(statements) if isinstance(statements, list) else (statements,)
        context = {name: _text(value) for name, value in (document.get("context") or {}).items()}
        context["principalId"] = str(document["principalId"])
    except (ValueError, KeyError, TypeError) as error:
        logger.exception("the authorizer's answer is no policy")
        raise AuthorizerFailed("The identity of the caller could not be established.") from error
    return _Answer(policy, context, expires)


def _text(value: object) -> str:
    """Context values as API Gateway passes them on: strings.

    Raises:
        TypeError: Objects and arrays are not allowed there.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError("a context value must be a string, a number or a boolean")


def allows(policy: tuple[Mapping[str, Any], ...], arn: str) -> bool:
    """Whether a policy allows invoking a method: one statement allows it, none denies it."""
    effects = {
        statement["Effect"]
        for statement in policy
        if any(_matches(action, "execute-api:Invoke") for action in _several(statement.get("Action")))
        and any(_matches(resource, arn) for resource in _several(statement.get("Resource")))
    }
    return effects == {"Allow"}


def _several(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """IAM's wildcards: `*` any text, `?` any character; brackets mean themselves."""
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))
