"""Every route that can reach models or store documents charges for it (reliability.md, 1).

What a route can reach is read from the code: which services of the container its handler names, and which of
those lead to a model by the services that they are made of.
"""

import ast
import importlib
import inspect
import textwrap
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

from footnote.composition import Container
from footnote.platform.idempotency import paid_request
from footnote.platform.manifest import load_manifests

ROOT = Path(__file__).resolve().parents[3]
SERVED = [one.name for one in load_manifests(ROOT / "functions") if one.kind in ("api", "stream")]
MODELS = {"embedder", "reranker", "language_model"}
# Of services that are otherwise harmless: what stores documents, and what begins work that asks models later.
ACTS = {("documents", "announce"), ("evaluation_runs", "start")}
PAID = {
    ("POST", "/chat"),
    ("POST", "/chat/message"),
    ("POST", "/search"),
    ("POST", "/search/explain"),
    ("POST", "/documents"),
}
# Starting a run costs nothing: each of its questions is held and charged when the evaluator asks it. The run
# itself has an idempotency key of its own.
LATER = {("POST", "/evaluations/runs")}
# Probes of the platform itself, for no member and without one: a word is embedded to see whether it can be.
PROBES = {("GET", "/health/ready"), ("GET", "/health/detailed")}
# How far a service leads: the container's own plumbing says nothing of what a route asks for.
PLUMBING = {"of_organization", "settings", "clock", "database", "cache", "cache_states"}


def names_used(code):
    """What a piece of code names of the container, however it calls it, and the functions that it calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Call | ast.Await)
        and getattr(node.value, "id", None) != "body"
    }
    calls = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    pairs = {
        (node.value.attr, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)
    }
    return attributes, calls, pairs


def services():
    """`{name: code}` of everything that the container offers."""
    found = {}
    for kind in reversed(Container.__mro__):
        for name, member in vars(kind).items():
            code = getattr(member, "func", member)
            if inspect.isfunction(code):
                found[name] = code
    return found


def leading_to_models():
    """The names of services that are made of models, of services that are, and so on."""
    code = services()
    needs = {name: names_used(function)[0] & code.keys() - PLUMBING for name, function in code.items()}
    leading = set(MODELS)
    while more := {name for name, used in needs.items() if used & leading} - leading:
        leading |= more
    return leading - PLUMBING


def reach(endpoint):
    """What a handler names, together with the functions of its module that it calls."""
    module = inspect.getmodule(endpoint)
    attributes, pairs = set(), set()
    waiting, seen = [endpoint], set()
    while waiting:
        code = waiting.pop()
        if code in seen:
            continue
        seen.add(code)
        named, calls, own = names_used(code)
        attributes |= named
        pairs |= own
        helpers = (getattr(module, name, None) for name in calls)
        waiting += [one for one in helpers if inspect.isfunction(one) and one.__module__ == module.__name__]
    return attributes, pairs


def can_cost(endpoint, leading):
    attributes, pairs = reach(endpoint)
    return bool(attributes & leading) or bool(pairs & ACTS)


def dependencies_of(dependant):
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from dependencies_of(dependency)


def is_guarded(route):
    return paid_request in dependencies_of(route.dependant)


def routes():
    for name in SERVED:
        app = importlib.import_module(f"functions.{name}.handler").app
        for route in iter_route_contexts(app.routes):
            if hasattr(route, "dependant"):
                for method in route.methods:
                    yield (method, route.path), route


def test_what_leads_to_models_is_known():
    leading = leading_to_models()
    assert leading >= {"chat", "retriever", "uncached_retriever", "document_explainer", "generators"}
    assert not leading & {"conversations", "documents", "explanations", "quota_store", "admission"}


def test_every_paid_route_has_quota_guard():
    leading = leading_to_models()
    found = {key: route for key, route in routes() if can_cost(route.endpoint, leading)}
    unguarded = {key for key, route in found.items() if not is_guarded(route)} - LATER - PROBES
    assert not unguarded, f"routes that cost and have no quota guard: {unguarded}"
    assert {key for key, route in routes() if is_guarded(route)} == PAID
    assert found.keys() >= PAID | LATER


def test_a_route_without_a_guard_is_found():
    """The walk would see it: the handlers as they were before they were charged."""

    async def unguarded(container):
        services = await container().of_organization(None)
        return await services.chat.answer(None, None)

    async def harmless(container):
        return await container().conversations.sessions(None, before=None, limit=1)

    assert can_cost(unguarded, leading_to_models())
    assert not can_cost(harmless, leading_to_models())


@pytest.mark.parametrize("key", sorted(PAID | LATER))
def test_every_paid_route_takes_an_idempotency_key(key):
    route = dict(routes())[key]
    dependants = [route.dependant, *(one for one in route.dependant.dependencies)]
    headers = {field.alias for one in dependants for field in one.header_params}
    assert "Idempotency-Key" in headers
