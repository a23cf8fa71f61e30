"""/api/v1/events: inserted over HTTP, listed, and shown as they are stored."""

import json

import pytest

from tests.support.sql import insert, subscribe
from tests.support.stages import fan_out

PATH = "/api/v1/events"


@pytest.fixture
async def admin(product):
    return await product.with_token("admin")


VERBATIM = [
    '{"b": 1, "a":2}', "[1.10, 1e5, -0.0]", '{"a":1,"a":2}', "12345678901234567890123456789", '"\\u00e9é\\n"', "null",
    "  { }", "true", '"</script>"', "0.1000000000000000055511151231257827",
]  # fmt: skip


@pytest.mark.parametrize("data", VERBATIM)
async def test_data_is_kept_and_shown_as_it_was_written(admin, db, data):
    got = await admin.post(PATH, f'{{"type": "order.paid", "data": {data}, "context": {data}}}'.encode())
    assert got.status == 201, got.body
    made = got.json
    row = await db.fetchrow("select data::text, context::text from webhooks.events where id = $1", made["id"])
    assert row["data"] == data.strip()
    assert row["context"] == (None if data == "null" else data.strip())
    assert got.headers["location"] == f"{PATH}/{made['id']}"
    shown = await admin.get(f"{PATH}/{made['webhook_id']}")
    assert f'"data":{data.strip()},'.encode() in shown.body
    assert shown.json["type"] == "order.paid"


async def test_an_event_is_inserted_with_all_there_is(admin, db):
    given = {
        "type": "order.paid", "data": {"a": 1}, "tenant": "acme", "key": "k-1", "context": {"c": 2},
        "occurred_at": "2024-03-05T10:30:00.5+02:00",
    }  # fmt: skip
    made = (await admin.post(PATH, given)).json
    shown = (await admin.get(f"{PATH}/{made['id']}")).json
    assert {name: shown[name] for name in ("type", "data", "tenant", "key", "context")} == {
        name: given[name] for name in ("type", "data", "tenant", "key", "context")
    }
    assert shown["occurred_at"].startswith("2024-03-05T08:30:00.5")
    assert made["webhook_id"] == "evt_" + made["id"].replace("-", "")
    assert await db.fetchval("select count(*) from webhooks.inbox") == 1


async def test_the_same_key_is_the_same_event(admin, db):
    first, again = [(await admin.post(PATH, {"type": "a", "data": n, "key": "k"})).json["id"] for n in (1, 2)]
    assert first == again
    assert await db.fetchval("select count(*) from webhooks.events") == 1


async def test_a_creation_that_is_said_again_inserts_one_event(admin, db):
    replies = [await admin.post(PATH, {"type": "a", "data": 1}, idempotency_key="k") for _ in range(3)]
    assert len({(reply.json["id"], reply.headers["location"]) for reply in replies}) == 1
    assert await db.fetchval("select count(*) from webhooks.events") == 1


async def test_another_number_is_another_request_however_long_it_is(admin, db):
    one, two = (b'{"type": "a", "data": 1234567890123456789012%d}' % last for last in (3, 4))
    assert (await admin.post(PATH, one, idempotency_key="k")).status == 201
    got = await admin.post(PATH, two, idempotency_key="k")
    assert (got.status, got.kind) == (409, "key-reused")
    assert await db.fetchval("select count(*) from webhooks.events") == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"type": "a b", "data": 1}, "type"), ({"type": "webhook.ping", "data": 1}, "type"), ({"data": 1}, "type"),
        ({"type": "x" * 129, "data": 1}, "type"), ({"type": "a"}, "data"),
        ({"type": "a", "data": "x" * 1_000_000}, "data"),
        ({"type": "a", "data": 1, "tenant": "x" * 257}, "tenant"), ({"type": "a", "data": 1, "key": ""}, "key"),
        ({"type": "a", "data": 1, "occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at"),
        ({"type": "a", "data": 1, "occurred_at": "yesterday"}, "occurred_at"),
        ({"type": "a", "data": 1, "occurred_at": "2024-03-05T10:30:00"}, "occurred_at"),
        ({"type": "a", "data": 1, "target": 1}, "target"), ({"type": "a", "data": 1, "id": 1}, "id"),
        ({"type": "a\0", "data": 1}, "type"),
    ],
)  # fmt: skip
async def test_what_is_refused_names_the_field_and_leaves_nothing(admin, db, given, field):
    got = await admin.post(PATH, given)
    assert (got.status, got.kind, got.json["errors"][0]["field"]) == (422, "refused", field), got.body
    assert await db.fetchval("select count(*) from webhooks.events") == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b'{"type": "a", "data": ' + b"[" * 100_000, b"nan"])
async def test_what_is_no_json_object_is_refused(admin, db, body):
    got = await admin.post(PATH, body)
    assert got.status in {400, 422}, got.body
    assert await db.fetchval("select count(*) from webhooks.events") == 0


async def test_the_largest_event_there_is_goes_through(admin):
    data = "x" * 999_998
    got = await admin.post(PATH, {"type": "a", "data": data, "context": data})
    assert got.status == 201, got.body
    assert (await admin.get(f"{PATH}/{got.json['id']}")).json["data"] == data


async def test_data_with_a_character_that_jsonb_has_not_is_kept(admin):
    got = await admin.post(PATH, b'{"type": "a", "data": "\\u0000"}')
    assert got.status == 201
    assert b'"data":"\\u0000",' in (await admin.get(f"{PATH}/{got.json['id']}")).body


async def test_a_list_is_newest_first_and_goes_on_where_it_ended(admin, db):
    # Of one millisecond, they come in any order.
    ids = sorted([str(await insert(db)) for _ in range(7)])
    found, cursor = [], ""
    while cursor is not None:
        page = (await admin.get(f"{PATH}?limit=3{cursor and f'&cursor={cursor}'}")).json
        found += [each["id"] for each in page["data"]]
        cursor = page["next"]
    assert found == ids[::-1]


@pytest.mark.parametrize("looks_s", [0.0, 5.0])
async def test_who_has_few_events_gets_all_of_them_and_learns_nothing_of_the_others(product, db, monkeypatch, looks_s):
    monkeypatch.setattr("dispatcher.store.events.LOOKED", 9)
    monkeypatch.setattr("dispatcher.store.events.LOOKS_S", looks_s)
    client = await product.with_token("read", tenant="few")
    mine = []
    for _ in range(3):
        mine.append(str(await insert(db, tenant="few")))
        for _ in range(12):
            await insert(db, tenant="many")
    theirs = {row["id"].hex for row in await db.fetch("select id from webhooks.events where tenant = 'many'")}
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = (await client.get(f"{PATH}{cursor and f'?cursor={cursor}'}")).json
        found += [each["id"] for each in page["data"]]
        cursor, pages = page["next"], pages + 1
        assert cursor not in theirs
    assert found == sorted(mine, reverse=True)
    assert pages == 1 if looks_s else pages > 3


async def test_a_list_is_of_those_that_are_asked_for(admin, db, session):
    await subscribe(db, "https://example.com/hook", "{order.*}")
    paid, sent = str(await insert(db, "order.paid")), str(await insert(db, "invoice.sent", tenant="x"))
    await fan_out(session)

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await admin.get(f"{PATH}?{query}")).json["data"]]

    assert await ids("type=order.paid") == await ids("type=order.*") == [paid]
    assert await ids("type=*") == [sent, paid]
    assert await ids("tenant=x") == [sent]
    assert await ids("since=2999-01-01T00:00:00Z") == await ids("until=2001-01-01T00:00:00Z") == []
    assert await ids("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z") == [sent, paid]
    listed = (await admin.get(f"{PATH}?type=order.paid")).json["data"][0]
    assert (listed["matched"], bool(listed["fanned_out_at"])) == (1, True)
    assert "data" not in listed


@pytest.mark.parametrize("event_id", ["evt_00000000000070008000000000000000", "0", "..%2f..%2f", "%00", "null"])
async def test_what_is_not_there_is_said_so(admin, event_id):
    got = await admin.get(f"{PATH}/{event_id}")
    assert (got.status, got.kind) == (404, "not-found")


async def test_a_list_says_nothing_that_commands_a_terminal_or_a_page(admin):
    await admin.post(PATH, {"type": "a", "data": "<script>\u001b[31m\u202e"})
    got = await admin.get(PATH)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert json.loads(got.body)["data"]


@pytest.mark.parametrize("path", ["events?type=ord*", "deliveries?type=a..b", "endpoints?type=order.*"])
async def test_what_is_no_type_is_said_to_be_none_instead_of_finding_nothing(admin, path):
    got = await admin.get(f"/api/v1/{path}")
    assert (got.status, got.json["errors"][0]["field"]) == (400, "type")
    assert "a type such as order.paid" in got.json["detail"]
