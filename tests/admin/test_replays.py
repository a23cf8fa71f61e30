"""/api/v1/…/replay: stored events delivered anew, as much as fits into a request."""

import pytest
from structlog.testing import capture_logs

from tests.support.postgres import connected
from tests.support.sql import insert_many, subscribe
from tests.support.stages import fan_out

SINCE = "2001-01-01T00:00:00Z"


@pytest.fixture
async def endpoint_id(db, session):
    """Of a tenant that has five events, all fanned out; others have three."""
    endpoint_id, _ = await subscribe(db, "https://example.com/hook", tenant="acme")
    await insert_many(db, 5, tenant="acme")
    await insert_many(db, 3, tenant="other")
    await fan_out(session)
    return endpoint_id


async def open_deliveries(db) -> int:
    return await db.fetchval("select count(*) from webhooks.deliveries")


async def test_a_replay_makes_new_deliveries(product, db, endpoint_id):
    client = await product.with_token("operate", tenant="acme")
    got = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})
    assert got.status == 200
    assert (got.json["made"], got.json["done"], got.json["is_finished"]) == (5, 1.0, True)
    assert await open_deliveries(db) == 10
    assert (await client.get(got.headers["location"])).json == got.json


async def test_a_dry_run_makes_nothing(product, db, endpoint_id):
    client = await product.with_token("operate")
    got = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE, "dry_run": True})
    assert (got.json["id"], got.json["made"], got.json["is_finished"]) == (None, 5, True)
    assert await open_deliveries(db) == 5
    assert await db.fetchval("select count(*) from webhooks.replays") == 0


async def test_what_does_not_fit_into_a_request_is_gone_on_with(product, db, endpoint_id, monkeypatch):
    monkeypatch.setattr("dispatcher.admin.resources.replays.BUDGET_S", 0.0)
    monkeypatch.setattr("dispatcher.store.replays.FIRST", 2)
    client = await product.with_token("operate", tenant="acme")
    got = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})
    assert got.json["is_finished"] is False
    again = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})
    assert (again.status, again.kind) == (409, "conflict")
    replay = got.json
    while not replay["is_finished"]:
        before = replay
        replay = (await client.post(f"/api/v1/replays/{replay['id']}/resume")).json
        assert replay["done"] >= before["done"]
    assert replay["made"] == 5
    assert await open_deliveries(db) == 10
    assert (await client.post(f"/api/v1/replays/{replay['id']}/resume")).json == replay


async def test_a_replay_is_ended_as_it_is(product, db, endpoint_id, monkeypatch):
    monkeypatch.setattr("dispatcher.admin.resources.replays.BUDGET_S", 0.0)
    monkeypatch.setattr("dispatcher.store.replays.FIRST", 2)
    client = await product.with_token("operate")
    begun = (await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})).json
    ended = (await client.post(f"/api/v1/replays/{begun['id']}/end")).json
    assert (ended["is_finished"], ended["made"]) == (True, begun["made"])
    assert ended["done"] < 1
    assert await open_deliveries(db) == 5 + ended["made"]


async def test_a_replay_that_is_said_again_is_begun_once(product, db, endpoint_id):
    client = await product.with_token("operate")
    path, given = f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE}
    replies = [await client.post(path, given, idempotency_key="k") for _ in range(2)]
    assert replies[0].json == replies[1].json
    assert replies[0].headers["location"] == replies[1].headers["location"]
    assert await open_deliveries(db) == 10


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "since"),
        ({"since": "2h"}, "since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2025-01-01T00:00:00Z"}, "since"),
        ({"since": SINCE, "types": ["a b"]}, "types"),
        ({"since": SINCE, "types": []}, "types"),
        ({"since": SINCE, "only_dead": "yes"}, "only_dead"),
    ],
)
async def test_what_is_refused_names_the_field_and_makes_nothing(product, db, endpoint_id, given, field):
    client = await product.with_token("operate")
    got = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", given)
    assert (got.status, got.json["errors"][0]["field"]) == (422, field)
    assert await open_deliveries(db) == 5


async def test_a_disabled_endpoint_is_sent_nothing_again(product, db, endpoint_id):
    await db.execute("update webhooks.endpoints set state = 'disabled'")
    client = await product.with_token("operate")
    got = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})
    assert (got.status, got.kind) == (409, "conflict")
    assert "disabled" in got.json["detail"]


async def test_a_replay_of_another_tenant_is_not_there(product, endpoint_id):
    mine = await product.with_token("operate", tenant="acme")
    theirs = await product.with_token("operate", tenant="other")
    made = (await mine.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})).json
    for method, path in (("GET", ""), ("POST", "/resume"), ("POST", "/end")):
        got = await theirs.ask(method, f"/api/v1/replays/{made['id']}{path}")
        assert (got.status, got.kind) == (404, "not-found")


async def test_a_dry_run_is_no_change_in_the_log(product, endpoint_id):
    client = await product.with_token("operate")
    with capture_logs() as said:
        await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE, "dry_run": True})
    assert not [line for line in said if line["event"] == "operation.performed"]


async def test_a_lock_in_its_way_is_no_fault_of_ours(product, database, db, endpoint_id):
    client = await product.with_token("operate")
    async with connected(database.dsn) as other, other.transaction():
        await other.execute("lock table webhooks.deliveries in share mode")
        got = await client.post(f"/api/v1/endpoints/{endpoint_id}/replay", {"since": SINCE})
    assert (got.status, got.kind, got.headers["retry-after"]) == (503, "unavailable", "2")
    assert await db.fetchval("select count(*) from webhooks.replays") == 0
