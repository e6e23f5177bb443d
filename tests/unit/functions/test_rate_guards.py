"""Every route of every function has its rate limit (litellm #27381: a limiter that was never registered)."""

import importlib
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from footnote.composition.admission_edge import AddressGuard, GuardedRoute, MemberGuard
from footnote.platform.manifest import load_manifests

ROOT = Path(__file__).resolve().parents[3]
WITHOUT = {"health"}  # functions/health/routes.py says why
BY_ADDRESS = {
    "auth"
}  # `footnote_auth` may not read an organization's terms: sign-out is counted by address too
# Looking through conversations counts with everything else: it must not use up the questions.
CLASSES = {
    ("POST", "/chat"): "chat",
    ("POST", "/chat/message"): "chat",
    ("POST", "/search"): "search",
    ("POST", "/search/explain"): "search",
}
SERVED = [manifest for manifest in load_manifests(ROOT / "functions") if manifest.kind in ("api", "stream")]


def app_of(manifest):
    return importlib.import_module(f"functions.{manifest.name}.handler").app


def routes_of(app):
    """`{(method, path): route}` of everything that the application answers."""
    return {
        (method, route.path): route for route in iter_route_contexts(app.routes) for method in route.methods
    }


def guard_of(route):
    return route.original_route.guard if isinstance(route.original_route, GuardedRoute) else None


def test_all_functions_are_looked_at():
    names = {manifest.name for manifest in SERVED}
    assert names >= {"accounts", "auth", "chat", "documents", "evaluations", "health", "quota", "search"}


@pytest.mark.parametrize("manifest", SERVED, ids=lambda manifest: manifest.name)
def test_every_route_has_one_guard(manifest):
    served = routes_of(app_of(manifest))
    declared = {(route.method, route.path): route for route in manifest.routes}
    unknown = declared.keys() - served.keys()
    assert not unknown, f"declared, but not served: {unknown}"
    for (method, path), route in served.items():
        if manifest.name in WITHOUT:
            assert guard_of(route) is None
        elif (method, path) in declared or route.include_in_schema:
            guard = guard_of(route)
            is_open = manifest.name in BY_ADDRESS or not declared[method, path].authorized
            assert isinstance(guard, AddressGuard if is_open else MemberGuard), path
            if not is_open:
                assert guard.rate_class == CLASSES.get((method, path), "default"), path


@pytest.mark.parametrize("manifest", SERVED, ids=lambda manifest: manifest.name)
def test_functions_with_limits_reach_redis(manifest):
    assert "redis" in manifest.layers
    assert manifest.grants.redis
    assert "footnote/redis" in manifest.grants.secrets
