"""Every route that can reach models or store documents charges for it (reliability.md, 1).

What a route can reach is read from the code: which services of the container its handler names, and which of
those lead to a model by the services that they are made of.
"""

import ast
import importlib
import inspect
import textwrap
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts

from footnote.composition import Container, container
from footnote.platform.http import Identity
from footnote.platform.idempotency import Paid, paid_request
from footnote.platform.manifest import load_manifests
from functions.search import routes as search
from functions.search.routes import _search

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


def reach(*code):
    """What code names, together with the functions that it calls, of its own module and of all functions."""
    attributes, pairs = set(), set()
    waiting, seen = list(code), set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        module = inspect.getmodule(one)
        named, calls, own = names_used(one)
        attributes |= named
        pairs |= own
        helpers = (getattr(module, name, None) for name in calls)
        waiting += [
            helper
            for helper in helpers
            if inspect.isfunction(helper)
            and (helper.__module__ == module.__name__ or helper.__module__.startswith("functions."))
        ]
    return attributes, pairs


def can_cost(leading, *code):
    attributes, pairs = reach(*code)
    acts = {act for act in ACTS if act in pairs or attributes.issuperset(act)}
    return bool(attributes & leading) or bool(acts)


def dependencies_of(dependant):
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from dependencies_of(dependency)


def is_guarded(route):
    return paid_request in dependencies_of(route.dependant)


def routes(apps=None):
    """`((method, path), route)` of everything that is served, as the applications themselves have it."""
    for app in apps or [importlib.import_module(f"functions.{name}.handler").app for name in SERVED]:
        for route in iter_route_contexts(app.routes):
            if hasattr(route, "dependant"):
                for method in route.methods:
                    yield (method, route.path), route


def costly(apps=None):
    """The routes that cost, by what their handlers and all that these depend on lead to."""
    leading = leading_to_models()
    found = {}
    for key, route in routes(apps):
        needed = [one for one in dependencies_of(route.dependant) if inspect.isfunction(one)]
        if can_cost(leading, route.endpoint, *needed):
            found[key] = route
    return found


def unguarded(apps=None):
    return {key for key, route in costly(apps).items() if not is_guarded(route)} - LATER - PROBES


def test_what_leads_to_models_is_known():
    leading = leading_to_models()
    assert leading >= {"chat", "retriever", "uncached_retriever", "document_explainer", "generators"}
    assert not leading & {"conversations", "documents", "explanations", "quota_store", "admission"}


def test_every_paid_route_has_quota_guard():
    assert unguarded() == set(), "routes that cost and have no quota guard"
    assert {key for key, route in routes() if is_guarded(route)} == PAID
    assert costly().keys() >= PAID | LATER


def test_every_function_of_the_api_is_walked():
    walked = {path for (_, path), _ in routes()}
    declared = {
        route.path
        for manifest in load_manifests(ROOT / "functions")
        if manifest.kind in ("api", "stream")
        for route in manifest.routes
        if "{proxy+}" not in route.path
    }
    assert declared
    assert declared <= walked


async def answering(context: Identity):
    services = await container().of_organization(context)
    return await services.chat.answer(context, None)


async def by_another_name(context: Identity):
    """The service is given a name first."""
    documents = container().documents
    return await documents.announce(context, None)


async def by_a_helper(context: Identity):
    """Another module's function asks the model."""
    return await _search(None, None, context)


async def found_before(context: Identity):
    return await container().retriever.retrieve(context, None)


async def by_a_dependency(found: Annotated[Any, Depends(found_before)]):
    """The model is asked before the handler begins."""
    return found


async def guarded(paid: Paid):
    return await container().chat.answer(paid.context, None)


async def harmless(context: Identity):
    return await container().conversations.sessions(context, before=None, limit=1)


@pytest.mark.parametrize("handler", [answering, by_another_name, by_a_helper, by_a_dependency])
def test_a_new_route_without_a_guard_is_found(handler):
    """The walk sees a route that was added beside those of a function, however it asks a model."""
    app, router = FastAPI(), APIRouter(prefix="/more")
    router.post("/new", response_model=None)(handler)
    router.post("/guarded", response_model=None)(guarded)
    router.get("/harmless", response_model=None)(harmless)
    app.include_router(search.router)
    app.include_router(router)
    assert unguarded([app]) == {("POST", "/more/new")}
    assert ("POST", "/more/guarded") in costly([app])


@pytest.mark.parametrize("key", sorted(PAID | LATER))
def test_every_paid_route_takes_an_idempotency_key(key):
    route = dict(routes())[key]
    dependants = [route.dependant, *(one for one in route.dependant.dependencies)]
    headers = {field.alias for one in dependants for field in one.header_params}
    assert "Idempotency-Key" in headers
