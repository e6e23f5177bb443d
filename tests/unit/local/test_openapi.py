"""One OpenAPI document of all functions, which agrees with what the gateway serves."""

import pytest

from footnote.platform.manifest import FunctionManifest, Route, load_manifests
from local.openapi import RouteMismatch, merged_document
from local.paths import REPOSITORY


def manifest(name, *routes):
    parsed = [Route(method=method, path=path, authorized=authorized) for method, path, authorized in routes]
    return FunctionManifest(name=name, kind="api", description="", handler="h", layers=(), routes=parsed)


def described(*routes, schemas=None):
    paths = {}
    for method, path in routes:
        answer = {"$ref": "#/components/schemas/Item"}
        paths.setdefault(path, {})[method] = {"responses": {"200": {"schema": answer}}}
    return {"paths": paths, "components": {"schemas": schemas or {}}}


def test_routes_are_merged_and_secured():
    manifests = [
        manifest("one", ("GET", "/a", True), ("POST", "/a", False)),
        manifest("two", ("GET", "/b", False)),
    ]
    documents = {"one": described(("get", "/a"), ("post", "/a")), "two": described(("get", "/b"))}
    merged = merged_document(manifests, "http://here", lambda each: documents[each.name])
    assert merged["servers"] == [{"url": "http://here"}]
    assert merged["paths"]["/a"]["get"]["security"] == [{"bearerAuth": []}]
    assert "security" not in merged["paths"]["/a"]["post"]
    assert merged["paths"]["/b"]["get"]["tags"] == ["two"]
    assert merged["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"


@pytest.mark.parametrize(
    ("declared", "served", "message"),
    [
        ([("GET", "/a", True)], [("get", "/a"), ("delete", "/a")], "DELETE /a is not in function.toml"),
        ([("GET", "/a", True), ("GET", "/b", True)], [("get", "/a")], "GET /b is not served"),
    ],
)
def test_a_route_in_one_place_only_is_an_error(declared, served, message):
    with pytest.raises(RouteMismatch, match=message):
        merged_document([manifest("one", *declared)], "", lambda _: described(*served))


def test_schemas_of_one_name_stay_apart():
    manifests = [manifest("one", ("GET", "/a", True)), manifest("two", ("GET", "/b", True))]
    documents = {
        "one": described(("get", "/a"), schemas={"Item": {"type": "string"}, "Same": {}}),
        "two": described(("get", "/b"), schemas={"Item": {"type": "integer"}, "Same": {}}),
    }
    merged = merged_document(manifests, "", lambda each: documents[each.name])
    assert merged["components"]["schemas"].keys() == {"Item", "Same", "TwoItem"}
    reference = merged["paths"]["/b"]["get"]["responses"]["200"]["schema"]["$ref"]
    assert reference == "#/components/schemas/TwoItem"


def test_the_functions_serve_what_their_manifests_say():
    document = merged_document(load_manifests(REPOSITORY / "functions"), "http://localhost:8000")
    assert "/chat" in document["paths"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["responses"], f"{method} {path}"
            assert "operationId" in operation
