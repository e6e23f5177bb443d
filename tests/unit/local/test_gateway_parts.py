"""Routes, policies, answers and cross-origin headers of the gateway."""

import json

import pytest

from footnote.platform.errors import NotFound
from footnote.platform.manifest import FunctionManifest, Route
from local.gateway.authorizer import allows
from local.gateway.cors import CrossOrigin
from local.gateway.responses import BadGateway, parse_prelude, parse_proxy_response
from local.gateway.routes import MethodNotAllowed, RouteTable


def manifest(name, *routes, kind="api"):
    parsed = [Route(method=method, path=path) for method, path in routes]
    return FunctionManifest(name=name, kind=kind, description="", handler="h", layers=(), routes=parsed)


def test_literal_segments_win_over_parameters():
    table = RouteTable([
        manifest("one", ("GET", "/documents/{id}"), ("GET", "/{any}/x")),
        manifest("two", ("GET", "/documents/x"), ("DELETE", "/documents/{id}/chunks")),
    ])  # fmt: skip
    assert table.find("GET", "/documents/x").target.function == "two"
    match = table.find("GET", "/documents/1%2F2")
    assert (match.target.function, match.parameters) == ("one", {"id": "1/2"})
    assert table.find("GET", "/other/x").parameters == {"any": "other"}
    assert table.methods("/documents/7/chunks") == ["DELETE"]
    with pytest.raises(MethodNotAllowed) as caught:
        table.find("POST", "/documents/7")
    assert caught.value.allowed == ("GET",)
    for path in ("/documents/", "/documents/1/2", "/", "/documents//chunks"):
        with pytest.raises(NotFound):
            table.find("GET", path)


def test_a_route_has_one_owner():
    with pytest.raises(ValueError, match="GET /a belongs to both one and two"):
        RouteTable([manifest("one", ("GET", "/a")), manifest("two", ("GET", "/a"))])


ARN = "arn:aws:execute-api:us-east-1:123456789012:api/local/GET/documents/1"


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([("Allow", "arn:aws:execute-api:*:*:*/*")], True),
        ([("Allow", ARN)], True),
        ([("Allow", ["nothing", "arn:aws:execute-api:us-east-1:123456789012:api/*/GET/doc*"])], True),
        ([("Allow", "arn:aws:execute-api:*:*:*/*/POST/*")], False),
        ([("Allow", "*"), ("Deny", "*/GET/documents/?")], False),
        ([("Allow", "*"), ("Deny", "*/GET/documents/??")], True),
        ([("Allow", "*[GP]*")], False),
        ([], False),
    ],
)
def test_policies_are_evaluated_as_iam_does(statements, allowed):
    policy = tuple(
        {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
        for effect, resource in statements
    )
    assert allows(policy, ARN) is allowed


def test_only_invoking_counts():
    assert not allows(({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},), ARN)
    assert allows(({"Effect": "Allow", "Action": ["execute-api:*"], "Resource": "*"},), ARN)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b'"text"', b"{}", b'{"statusCode": "no"}', b'{"statusCode": 99}',
        b'{"statusCode": 200, "body": 5}',
        b'{"statusCode": 200, "body": "%", "isBase64Encoded": true}',
        b'{"statusCode": 200, "headers": {"a": "b\\r\\nc"}}',
    ],
)  # fmt: skip
def test_a_malformed_answer_is_a_bad_gateway(payload):
    with pytest.raises(BadGateway):
        parse_proxy_response(payload)


def test_headers_of_both_maps_are_merged():
    document = {
        "statusCode": "201",
        "headers": {"A": "1", "Ok": True, "Connection": "close"},
        "multiValueHeaders": {"a": ["2", "3"]},
        "body": None,
    }
    response = parse_proxy_response(json.dumps(document).encode())
    assert (response.status, response.body) == (201, b"")
    assert response.headers == [(b"a", b"2"), (b"a", b"3"), (b"ok", b"true")]


def test_a_prelude_may_arrive_in_pieces():
    prelude = b'{"statusCode": 200, "headers": {"x": "1"}, "cookies": ["a=b"]}' + b"\0" * 8
    assert parse_prelude(prelude[:-1]) is None
    response = parse_prelude(prelude + b"body")
    assert response is not None
    assert (response.body, response.headers) == (b"body", [(b"x", b"1"), (b"set-cookie", b"a=b")])
    for broken in (b"x" * 70_000, b"nonsense" + b"\0" * 8):
        with pytest.raises(BadGateway):
            parse_prelude(broken)


def test_only_known_origins_get_access():
    policy = CrossOrigin(["https://app.example.com"])
    assert policy.headers("https://evil.example.com") == []
    assert policy.headers(None) == []
    headers = dict(policy.preflight("https://app.example.com", ["GET", "POST"]))
    assert headers[b"access-control-allow-origin"] == b"https://app.example.com"
    assert headers[b"access-control-allow-methods"] == b"GET,POST,OPTIONS"
    assert dict(CrossOrigin(["*"]).headers("http://a"))[b"access-control-allow-origin"] == b"http://a"
