"""Who may do what: every route there is, every scope, and tenants that learn nothing of each other."""

import json
from typing import Any

import pytest

from dispatcher.admin.resources import routes
from dispatcher.admin.routes import AnyRoute
from dispatcher.policy.egress import Egress
from dispatcher.policy.ground import Ground
from dispatcher.policy.profiles import Profiles
from dispatcher.policy.tokens import SCOPES
from tests.support.profiles import SHIPPED
from tests.support.sql import insert, subscribe
from tests.support.stages import fan_out

URL = "https://example.com/hook"
ROUTES = routes(Ground(Egress(), Profiles(SHIPPED, "standard"), None))
BODIES: dict[str, dict[str, Any]] = {
    "create_endpoint": {"url": URL},
    "update_endpoint": {"name": "changed"},
    "test_endpoint": {},
    "rotate_secret": {},
    "replay_endpoint": {"since": "2001-01-01T00:00:00Z"},
    "create_event": {"type": "order.paid", "data": {}},
}
TABLES = ("endpoints", "subscriptions", "deliveries", "attempts", "events", "requests", "replays")


def named(route: AnyRoute) -> str:
    return route.name


def test_every_route_has_a_scope_and_a_body_here_if_it_takes_one():
    assert {route.name for route in ROUTES if route.body is not None} == set(BODIES)
    assert all(route.scope in SCOPES for route in ROUTES)


@pytest.fixture
async def theirs(db, session):
    """What another tenant has."""
    endpoint_id, _ = await subscribe(db, URL, tenant="theirs", name="hidden")
    event_id = await insert(db, "hidden.sent", tenant="theirs")
    await fan_out(session)
    delivery_id = await db.fetchval("select id from webhooks.deliveries")
    replay_id = await db.fetchval("select id from webhooks.begin_replay($1, now() - interval '1 h')", endpoint_id)
    return {"endpoint_id": endpoint_id, "event_id": event_id, "delivery_id": delivery_id, "replay_id": replay_id}


async def everything(db) -> dict[str, list[str]]:
    return {
        table: [str(row) for row in await db.fetch(f"select * from webhooks.{table} order by 1, 2")] for table in TABLES
    }


def path(route: AnyRoute, ids: dict[str, Any]) -> str:
    return route.path.format(**ids)


def body(route: AnyRoute) -> Any:
    return BODIES.get(route.name)


@pytest.mark.parametrize("route", ROUTES, ids=named)
async def test_without_a_token_there_is_nothing(product, db, theirs, route):
    before = await everything(db)
    got = await product.client().ask(route.method, path(route, theirs), given=body(route))
    assert (got.status, got.kind) == (401, "unauthenticated")
    assert got.headers["www-authenticate"].startswith("Bearer")
    assert await everything(db) == before


@pytest.mark.parametrize("route", [route for route in ROUTES if route.scope != "read"], ids=named)
async def test_a_scope_that_is_too_low_does_nothing(product, db, theirs, route):
    before = await everything(db)
    for scope in SCOPES[: SCOPES.index(route.scope)]:
        client = await product.with_token(scope)
        got = await client.ask(route.method, path(route, theirs), given=body(route))
        assert (got.status, got.kind) == (403, "forbidden")
        assert route.scope in got.json["detail"]
    assert await everything(db) == before


@pytest.mark.parametrize("route", ROUTES, ids=named)
async def test_a_scope_that_suffices_is_let_through(product, theirs, route):
    client = await product.with_token(route.scope)
    got = await client.ask(route.method, path(route, theirs), given=body(route))
    assert got.status not in {401, 403, 404}, got.body


@pytest.mark.parametrize("route", [route for route in ROUTES if route.names], ids=named)
async def test_what_is_another_tenants_is_answered_as_what_is_not_there(product, db, theirs, route):
    before = await everything(db)
    client = await product.with_token("admin", tenant="mine")
    nowhere = {
        "endpoint_id": 777_001,
        "delivery_id": 777_002,
        "replay_id": 777_003,
        "event_id": "01a1ffd6-3699-7a1a-8516-26368bbd8b11",
    }
    got = await client.ask(route.method, path(route, theirs), given=body(route))
    other = await client.ask(route.method, path(route, nowhere), given=body(route))
    assert (got.status, got.kind) == (other.status, other.kind) == (404, "not-found")
    said, said_of_nothing = got.json["detail"], other.json["detail"]
    for name in route.names:
        said, said_of_nothing = said.replace(str(theirs[name]), "…"), said_of_nothing.replace(str(nowhere[name]), "…")
    assert said == said_of_nothing
    assert await everything(db) == before


LISTS = [
    route
    for route in ROUTES
    if route.method == "GET" and not route.names and route.name not in {"list_profiles", "list_event_types"}
]


@pytest.mark.parametrize("route", LISTS, ids=named)
@pytest.mark.usefixtures("theirs")
async def test_a_list_has_nothing_of_another_tenant(product, route):
    client = await product.with_token("read", tenant="mine")
    got = await client.get(route.path)
    assert (got.status, got.json) == (200, {"data": [], "next": None})
    asked = await client.get(f"{route.path}?tenant=theirs")
    assert (asked.status, asked.kind) == (403, "forbidden")
    theirs_token = await product.with_token("read", tenant="theirs")
    assert len((await theirs_token.get(route.path)).json["data"]) == 1
    everybodys = await product.with_token("read")
    assert len((await everybodys.get(f"{route.path}?tenant=theirs")).json["data"]) == 1


@pytest.mark.parametrize("is_gone", [False, True])
async def test_of_anothers_endpoint_or_event_not_even_a_cursor_is_told(product, db, theirs, is_gone):
    await db.execute("select webhooks.cancel(id) from webhooks.deliveries")
    if is_gone:
        await db.execute("select webhooks.unsubscribe($1)", theirs["endpoint_id"])
    client = await product.with_token("read", tenant="mine")
    for name in ("endpoint_id", "event_id"):
        for limit in (1, 50):
            got = await client.get(f"/api/v1/deliveries?{name}={theirs[name]}&limit={limit}")
            assert (got.status, got.json) == (200, {"data": [], "next": None})


@pytest.mark.parametrize("name", ["create_endpoint", "create_event"])
async def test_what_a_tenants_token_makes_is_that_tenants(product, db, name):
    (route,) = [route for route in ROUTES if route.name == name]
    client = await product.with_token("admin", tenant="mine")
    assert (await client.post(route.path, BODIES[name])).json["tenant"] == "mine"
    assert (await client.post(route.path, {**BODIES[name], "tenant": "mine"})).status == 201
    before = await everything(db)
    for tenant in ("theirs", ""):
        got = await client.post(route.path, {**BODIES[name], "tenant": tenant})
        assert (got.status, got.json["errors"][0]["field"]) == (403, "tenant")
    assert await everything(db) == before


async def test_a_token_of_the_tenant_of_no_name_is_bound_to_it(product, theirs):
    client = await product.with_token("admin", tenant="")
    assert (await client.get("/api/v1/endpoints")).json["data"] == []
    assert (await client.get(f"/api/v1/endpoints/{theirs['endpoint_id']}")).status == 404


async def test_an_idempotency_key_is_each_tokens_own(product):
    one, two = await product.with_token("admin", tenant="a"), await product.with_token("admin", tenant="b")
    first = await one.post("/api/v1/endpoints", {"url": URL}, idempotency_key="same")
    second = await two.post("/api/v1/endpoints", {"url": URL}, idempotency_key="same")
    assert (first.json["tenant"], second.json["tenant"]) == ("a", "b")
    assert first.json["id"] != second.json["id"]


async def test_the_catalogue_is_the_products_and_everybodys(product, db):
    await db.execute("insert into webhooks.event_types values ('standard', 'order.paid', 'Paid', '{\"a\": 1.10}')")
    client = await product.with_token("read", tenant="mine")
    (entry,) = (await client.get("/api/v1/event-types?profile=standard")).json["data"]
    assert entry == {"profile": "standard", "name": "order.paid", "description": "Paid", "example": {"a": 1.1}}
    names = [each["name"] for each in (await client.get("/api/v1/profiles")).json["data"]]
    assert "standard" in names


async def test_no_reply_repeats_the_token(product, theirs):
    client = await product.with_token("admin")
    for route in ROUTES:
        got = await client.ask(route.method, path(route, theirs), given=body(route))
        text = json.dumps(dict(got.headers)) + got.body.decode()
        assert client.token is not None
        assert client.token not in text, route.name
        assert client.token.rpartition("_")[2] not in text, route.name
