"""The route table: every route of every `function.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from footnote.platform.errors import FootnoteError, NotFound
from footnote.platform.manifest import FunctionManifest


class MethodNotAllowed(FootnoteError):
    """The path exists, without this method."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(sorted(allowed))


@dataclass(frozen=True)
class Target:
    """What serves one route.

    Attributes:
        function: Name of the function.
        resource: The path template, API Gateway's `resource`.
        authorized: Whether the authorizer is asked first.
        streams: Whether the answer is a stream.
    """

    function: str
    resource: str
    authorized: bool
    streams: bool


@dataclass(frozen=True)
class Match:
    """A target with the path parameters of one request."""

    target: Target
    parameters: dict[str, str]


class RouteTable:
    """Finds the function for a method and path.

    Literal segments win over parameters, as in API Gateway.

    Raises:
        ValueError: Two functions claim the same route.
    """

    def __init__(self, manifests: Iterable[FunctionManifest]) -> None:
        self._templates: dict[str, dict[str, Target]] = {}
        for manifest in manifests:
            for route in manifest.routes:
                methods = self._templates.setdefault(route.path, {})
                if route.method in methods:
                    owner = methods[route.method].function
                    raise ValueError(
                        f"{route.method} {route.path} belongs to both {owner} and {manifest.name}"
                    )
                streams = manifest.kind == "stream"
                methods[route.method] = Target(manifest.name, route.path, route.authorized, streams)
        self._patterns = sorted(
            ((path, path.split("/")[1:]) for path in self._templates if "{" in path), key=_specificity
        )

    @property
    def targets(self) -> list[tuple[str, Target]]:
        """All routes as (method, target)."""
        return [
            (method, target) for methods in self._templates.values() for method, target in methods.items()
        ]

    def find(self, method: str, path: str) -> Match:
        """The function for a request.

        Args:
            method: In capitals.
            path: As sent, percent-encoded.

        Raises:
            NotFound: No such path.
            MethodNotAllowed: The path has no such method.
        """
        methods, parameters = self._resolve(path)
        target = methods.get(method)
        if target is None:
            raise MethodNotAllowed(
                f"{method} is not allowed here; use {', '.join(sorted(methods))}.", methods
            )
        return Match(target, parameters)

    def methods(self, path: str) -> list[str]:
        """The methods of a path; empty where it does not exist."""
        try:
            return sorted(self._resolve(path)[0])
        except NotFound:
            return []

    def _resolve(self, path: str) -> tuple[dict[str, Target], dict[str, str]]:
        exact = self._templates.get(path)
        if exact is not None:
            return exact, {}
        segments = path.split("/")[1:]
        for template, pattern in self._patterns:
            parameters = _match(pattern, segments)
            if parameters is not None:
                return self._templates[template], parameters
        raise NotFound("There is nothing at this address; see /docs for the API.")


def _specificity(entry: tuple[str, list[str]]) -> list[bool]:
    return [part.startswith("{") for part in entry[1]]


def _match(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(segments) != len(pattern):
        return None
    parameters: dict[str, str] = {}
    for part, segment in zip(pattern, segments, strict=True):
        if part.startswith("{") and segment:
            parameters[part[1:-1]] = unquote(segment)
        elif part != segment:
            return None
    return parameters
