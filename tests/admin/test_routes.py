"""Every route, enumerated: who may, what the document says of it, what every reply has."""

import re

import pytest

from dispatcher.admin import Route
from dispatcher.admin.health import Readiness
from dispatcher.admin.openapi import document, statuses
from dispatcher.admin.problems import KINDS
from dispatcher.admin.routes import Table
from dispatcher.admin.table import table
from dispatcher.policy.tokens import SCOPES
from dispatcher.store.session import Login, Session
from tests.support.trying import RESOURCES

ALL = table(Readiness(Session(Login(""), "nobody"), float), RESOURCES).routes
OPEN = [route for route in ALL if route.scope is None]
CLOSED = [route for route in ALL if route.scope is not None]
EXAMPLES = {"endpoint_id": "1", "delivery_id": "1", "event_id": "evt_" + "0" * 32, "event_type": "a.b", "profile": "a"}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]


@pytest.fixture
def api(common):
    return common


def name(route: Route) -> str:
    return route.name


def url(route: Route) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: EXAMPLES[found[1]], route.path)


def given(route: Route) -> object:
    return {} if route.body is not None else None


# Who may.


def test_only_those_that_say_nothing_are_open():
    assert [route.path for route in OPEN] == ["/healthz", "/readyz"]


@pytest.mark.parametrize("route", CLOSED, ids=name)
async def test_without_a_token_there_is_no_way_in(api, route):
    got = await api.client().ask(route.method, url(route), given=given(route))
    assert (got.status, got.kind) == (401, "unauthenticated")


@pytest.mark.parametrize("route", [route for route in CLOSED if route.scope != "read"], ids=name)
async def test_with_a_scope_that_is_too_low_there_is_none_either(api, route):
    for scope in SCOPES[: SCOPES.index(route.scope)]:
        got = await (await api.with_token(scope)).ask(route.method, url(route), given=given(route))
        assert (got.status, got.kind) == (403, "forbidden"), scope


@pytest.mark.parametrize("route", CLOSED, ids=name)
async def test_with_its_scope_there_is(api, route):
    got = await (await api.with_token(route.scope)).ask(route.method, url(route), given=given(route))
    assert got.status not in {401, 403, 500}


@pytest.mark.parametrize("route", ALL, ids=name)
async def test_every_reply_keeps_browsers_out_and_says_nothing_of_us(api, route):
    client = await api.with_token()
    replies = [
        await client.ask(route.method, url(route), given=given(route)),
        await client.ask("TRACE", url(route)),
        await client.get("/nowhere"),
        await client.get(url(route), host="attacker.example"),
        await api.client().ask(route.method, url(route)),
    ]
    for got in replies:
        assert got.headers["server"] == "dispatcher"
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["x-frame-options"] == "DENY"
        assert got.headers["referrer-policy"] == "no-referrer"
        assert got.headers["cross-origin-opener-policy"] == "same-origin"
        assert got.headers["cross-origin-resource-policy"] == "same-origin"
        assert got.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert not {header for header in got.headers if header.lower().startswith(("access-control", "set-cookie"))}


@pytest.mark.parametrize("route", ALL, ids=name)
async def test_every_other_method_is_refused_with_those_there_are(api, route):
    here = {each.method for each in ALL if each.path == route.path}
    for method in set(METHODS) - here:
        got = await api.client().ask(method, url(route))
        assert (got.status, got.kind) == (405, "method-not-allowed"), method
        assert set(got.headers["allow"].split(", ")) == here | ({"HEAD"} if "GET" in here else set())


async def test_head_is_get_without_a_body(api):
    got = await api.client().ask("HEAD", "/healthz")
    assert (got.status, got.body) == (200, b"")


# The document.


@pytest.fixture
async def described(api):
    got = await (await api.with_token("read")).get("/api/v1/openapi.json")
    assert got.status == 200
    return got.json


async def test_the_document_has_every_route_and_nothing_else(described):
    assert described["openapi"] == "3.1.0"
    routes = {(route.path, route.method.lower()) for route in ALL}
    assert {(path, method) for path, methods in described["paths"].items() for method in methods} == routes


@pytest.mark.parametrize("route", ALL, ids=name)
def test_the_document_says_all_of_a_route(route):
    operation = document(ALL)["paths"][route.path][route.method.lower()]
    assert operation["operationId"] == route.name
    assert re.fullmatch(r"[A-Z].+\.", operation["summary"])
    assert operation["security"] == ([{"token": []}] if route.scope else [])
    assert ("requestBody" in operation) is (route.body is not None)
    named = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"]
    assert named == route.names
    asked = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    assert asked == (list(route.query.model_fields) if route.query else [])
    keys = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "header"]
    assert keys == (["Idempotency-Key"] if route.is_creating else [])
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            schema = response["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ProblemDetails"}
    assert operation["responses"].keys() == {str(status) for status in [route.status, *statuses(route)]}


def test_names_of_operations_are_their_own():
    assert len({route.name for route in ALL}) == len(ALL)


def test_every_reference_of_the_document_leads_somewhere():
    made = document(ALL)
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(made)))
    assert references
    assert references <= set(made["components"]["schemas"])


def test_every_status_that_can_be_answered_is_foreseen():
    foreseen = {status for route in ALL for status in statuses(route)}
    assert {status for status, _ in KINDS.values()} == foreseen


def test_headers_that_a_status_needs_are_in_the_document():
    responses = document(ALL)["paths"]["/api/v1/things"]["post"]["responses"]
    assert responses["401"]["headers"]["WWW-Authenticate"]["required"]
    assert responses["405"]["headers"]["Allow"]["required"]
    assert responses["429"]["headers"]["Retry-After"]["required"]
    assert "Idempotency-Replayed" in responses["201"]["headers"]


# The table.


async def handler(_call):
    raise AssertionError


def route(**of: object) -> Route:
    given = {"method": "GET", "path": "/a", "name": "a", "summary": "A.", "handler": handler, "scope": "read", **of}
    return Route(**given)


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ([route(), route(name="b")], "there twice"),
        ([route(path="/{nothing}")], "nothing"),
        ([route(is_creating=True)], "POST"),
        ([route(method="POST", scope="admin", is_creating=True, is_atomic=False)], "as a whole"),
        ([route(method="DELETE")], "only read"),
        ([route(method="POST", scope=None)], "only read"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(routes, said):
    with pytest.raises(ValueError, match=said):
        Table(routes)


def test_a_path_without_names_outweighs_one_with():
    found = Table([route(path="/{profile}", name="named"), route(path="/own", name="own")])
    assert found.find("/own")[0]["GET"].name == "own"
    assert found.find("/other") == ({"GET": found.routes[0]}, {"profile": "other"})
    assert found.find("/other/") == ({}, {})
    assert found.find("/a%2Fb")[1] == {"profile": "a%2Fb"}
