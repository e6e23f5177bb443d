"""The same request gives the same event, here and behind the deployed API."""

import copy

import pytest

from footnote.platform.errors import NotFound
from footnote.platform.manifest import load_manifests
from infra.cdk.bundling import REPOSITORY
from local.gateway.events import BINARY_MEDIA_TYPES, GatewayRequest, authorizer_event, proxy_event
from local.gateway.routes import RouteTable, Target
from tests.support.infra import resources


class TemplateRoutes(RouteTable):
    """The route table of a synthesised API: what API Gateway would match."""

    def __init__(self, templates):
        super().__init__([])
        table = templates["api"]["Resources"]
        functions = {
            name: each["Properties"]["FunctionName"].split("-", 2)[2]
            for name, each in templates["functions"]["Resources"].items()
            if each["Type"] == "AWS::Lambda::Function" and "FunctionName" in each["Properties"]
        }
        aliases = {
            name: functions[each["Properties"]["FunctionName"]["Ref"]]
            for name, each in templates["functions"]["Resources"].items()
            if each["Type"] == "AWS::Lambda::Alias"
        }
        for each in table.values():
            if each["Type"] != "AWS::ApiGateway::Method" or each["Properties"]["HttpMethod"] == "OPTIONS":
                continue
            properties = each["Properties"]
            path = _path(table, properties["ResourceId"])
            function = _function(properties["Integration"]["Uri"], aliases)
            streams = properties["Integration"]["ResponseTransferMode"] == "STREAM"
            target = Target(function, path, properties["AuthorizationType"] == "CUSTOM", streams)
            self._templates.setdefault(path, {})[properties["HttpMethod"]] = target
        self._patterns = sorted(
            ((path, path.split("/")[1:]) for path in self._templates if "{" in path),
            key=lambda entry: [part.startswith("{") for part in entry[1]],
        )


def _path(table, reference):
    name = reference.get("Ref")
    if name not in table or table[name]["Type"] != "AWS::ApiGateway::Resource":
        return ""
    properties = table[name]["Properties"]
    return f"{_path(table, properties['ParentId'])}/{properties['PathPart']}"


def _function(uri, aliases):
    """The function behind an integration: its address imports the alias of another stack."""
    text = str(uri)
    (found,) = {function for alias, function in aliases.items() if alias in text}
    return found


def requests():
    """One of each route, with parameters, a query, a body."""
    for manifest in load_manifests(REPOSITORY / "functions"):
        for route in manifest.routes:
            path = "/".join(
                f"0199aaaa-0000-7000-8000-00000000000{number}" if part.startswith("{") else part
                for number, part in enumerate(route.path.split("/"))
            )
            yield GatewayRequest(
                method=route.method,
                path=path,
                query="limit=5&tag=a&tag=b%20c",
                headers=[("host", "api.example.com"), ("content-type", "application/json")],
                body=b'{"message": "Why?"}' if route.method in {"POST", "PUT", "PATCH"} else b"",
                source_ip="203.0.113.7",
                request_id="request",
                received=1_760_000_000.0,
            )


@pytest.mark.parametrize("request_", list(requests()), ids=lambda each: f"{each.method} {each.path}")
def test_the_same_request_gives_the_same_event(stages, request_):
    here = RouteTable(load_manifests(REPOSITORY / "functions")).find(request_.method, request_.path)
    there = TemplateRoutes(stages["staging"].templates).find(request_.method, request_.path)
    assert there == here
    identity = {"user_id": "u"} if here.target.authorized else None
    assert _stable(proxy_event(request_, there, identity)) == _stable(proxy_event(request_, here, identity))
    if here.target.authorized:
        assert _stable(authorizer_event(request_, there)) == _stable(authorizer_event(request_, here))


def _stable(event):
    """Without what is drawn anew for every event."""
    headers = {name: value for name, value in event["headers"].items() if name != "x-amzn-trace-id"}
    context = {key: value for key, value in event["requestContext"].items() if key != "extendedRequestId"}
    return {**event, "headers": headers, "multiValueHeaders": None, "requestContext": context}


def test_a_route_that_is_not_deployed_is_noticed(stages):
    templates = copy.deepcopy(stages["staging"].templates)
    table = templates["api"]["Resources"]
    for name, each in list(table.items()):
        if (
            each["Type"] == "AWS::ApiGateway::Method"
            and _path(table, each["Properties"]["ResourceId"]) == "/chat"
        ):
            del table[name]
    with pytest.raises(NotFound):
        TemplateRoutes(templates).find("POST", "/chat")


def test_the_same_media_types_are_binary(synthesised):
    ((_, api),) = resources(synthesised.templates, "AWS::ApiGateway::RestApi")
    wanted = {f"{each}*" if each.endswith("/") else each for each in BINARY_MEDIA_TYPES}
    declared = set(api["BinaryMediaTypes"])
    assert {each for each in wanted if "openxml" not in each} <= declared
    assert any("openxmlformats-officedocument" in each for each in declared)
