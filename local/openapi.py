"""One OpenAPI document of all functions: `python -m local.openapi`.

Each function's FastAPI application describes its own routes; `function.toml` says which of them the gateway
serves and which need an identity. The two must agree.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from footnote import __version__
from footnote.platform.manifest import FunctionManifest, load_manifests

_METHODS = ("get", "post", "put", "patch", "delete")
_REFERENCE = "#/components/schemas/"
_DESCRIPTION = """Drop documents, ask questions, get answers that cite the passages they rest on.

Sign in with `POST /auth/login` and send the access token as `Authorization: Bearer <token>`. Every error has
the body `{code, message, details, request_id}`; `X-Request-ID` is taken over from the request and returned.

Each caller may send 100 requests a minute, and beside them 30 questions (`POST /chat`) and 60 searches
(`POST /search`), unless the plan or the organization has set other rates (`GET /quota/rates`). The headers
`RateLimit-*` tell how it stands; a refusal (429) tells by `Retry-After` in how many seconds to come again.
"""
_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

Document = dict[str, Any]


class RouteMismatch(ValueError):
    """A function serves a route that its `function.toml` does not name, or the other way round."""


def merged_document(
    manifests: Iterable[FunctionManifest],
    server_url: str,
    describe: Callable[[FunctionManifest], Document] | None = None,
) -> Document:
    """The OpenAPI document of the whole API.

    Args:
        manifests: All functions; those without routes are left out.
        server_url: Where the API is reached.
        describe: A function's own document; by default its application is imported and asked.

    Raises:
        RouteMismatch: An application and its manifest name different routes.
        ValueError: Two functions describe different schemas under one name.
    """
    describe = describe or application_document
    paths: dict[str, Document] = {}
    schemas: dict[str, Any] = {}
    for manifest in manifests:
        if not manifest.routes:
            continue
        own = describe(manifest)
        _check_routes(manifest, own)
        own = _with_distinct_schemas(own, schemas, manifest.name)
        schemas |= own.get("components", {}).get("schemas", {})
        for path, operations in _operations(manifest, own).items():
            paths.setdefault(path, {}).update(operations)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Footnote", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": server_url}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {"bearerAuth": _BEARER}},
    }


def application_document(manifest: FunctionManifest) -> Document:
    """What a function's FastAPI application says of itself."""
    module = importlib.import_module(f"functions.{manifest.name.replace('-', '_')}.handler")
    document: Document = module.app.openapi()
    return document


def _check_routes(manifest: FunctionManifest, document: Document) -> None:
    declared = {(route.method.lower(), route.path) for route in manifest.routes}
    served = {
        (method, path)
        for path, operations in document.get("paths", {}).items()
        for method in operations
        if method in _METHODS
    }
    problems = [
        f"{method.upper()} {path} is not in function.toml" for method, path in sorted(served - declared)
    ]
    problems += [f"{method.upper()} {path} is not served" for method, path in sorted(declared - served)]
    if problems:
        raise RouteMismatch(f"functions/{manifest.name}: {'; '.join(problems)}")


def _operations(manifest: FunctionManifest, document: Document) -> dict[str, Document]:
    """The function's paths, each operation tagged with the function and, where needed, secured."""
    authorized = {(route.method.lower(), route.path) for route in manifest.routes if route.authorized}
    result: dict[str, Document] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            extra: Document = {"tags": operation.get("tags") or [manifest.name]}
            if (method, path) in authorized:
                extra["security"] = [{"bearerAuth": []}]
            result.setdefault(path, {})[method] = {**operation, **extra}
    return result


def _with_distinct_schemas(document: Document, known: Mapping[str, Any], prefix: str) -> Document:
    """Renames schemas that another function describes differently under the same name."""
    own = document.get("components", {}).get("schemas", {})
    clashing = [name for name, schema in own.items() if known.get(name, schema) != schema]
    if not clashing:
        return document
    text = json.dumps(document)
    for name in clashing:
        text = text.replace(f'"{_REFERENCE}{name}"', f'"{_REFERENCE}{prefix.title()}{name}"')
    renamed: Document = json.loads(text)
    schemas = renamed["components"]["schemas"]
    for name in clashing:
        schemas[f"{prefix.title()}{name}"] = schemas.pop(name)
    return renamed


def main() -> int:
    """Prints the document; the exit status is 1 where it cannot be built."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--server", default="http://127.0.0.1:8000")
    parser.add_argument(
        "--functions", type=Path, default=Path(__file__).resolve().parent.parent / "functions"
    )
    arguments = parser.parse_args()
    try:
        document = merged_document(load_manifests(arguments.functions), arguments.server)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    sys.exit(main())
