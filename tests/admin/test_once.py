"""A request with an Idempotency-Key is carried out once: said again, at once by many, after a failure or a crash."""

import asyncio
import json

import pytest

from tests.support.eventually import eventually
from tests.support.trying import gates

THINGS, SECRETS = "/api/v1/things", "/api/v1/secrets"


@pytest.fixture
async def client(api):
    return await api.with_token(name="caller")


@pytest.fixture
def gate():
    """Holds the handler that is told its name."""
    gates["shut"], gates["shut reached"] = asyncio.Event(), asyncio.Event()
    yield gates["shut"]
    gates.clear()


async def made(db) -> list[str]:
    return [
        row["name"] for row in await db.fetch("select name from webhooks.tokens where name <> 'caller' order by id")
    ]


async def test_the_same_again_is_answered_as_before_and_not_done_again(client, db):
    first = await client.post(THINGS, {"name": "a"}, idempotency_key="k-1")
    second = await client.post(THINGS, {"name": "a"}, idempotency_key="k-1")
    assert (first.status, second.status, second.body) == (201, 201, first.body)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert await made(db) == ["a"]


async def test_without_a_key_it_is_done_again(client, db):
    for _ in range(2):
        assert (await client.post(THINGS, {"name": "a"})).status == 201
    assert await made(db) == ["a", "a"]


async def test_spaces_and_the_order_of_names_make_no_other_request(client, db):
    await client.post(THINGS, b'{"name": "a", "lives_s": 5.0}', idempotency_key="k")
    got = await client.post(THINGS, b'{ "lives_s":5.0,\n"name":"\\u0061"}', idempotency_key="k")
    assert (got.status, got.headers["idempotency-replayed"]) == (201, "true")
    assert await made(db) == ["a"]


@pytest.mark.parametrize(("path", "name"), [(THINGS, "b"), (SECRETS, "a")])
async def test_another_request_under_the_same_key_is_refused(client, db, path, name):
    await client.post(THINGS, {"name": "a"}, idempotency_key="k")
    got = await client.post(path, {"name": name}, idempotency_key="k")
    assert (got.status, got.kind) == (409, "key-reused")
    assert await made(db) == ["a"]


async def test_a_key_is_its_tokens_own(api, client, db):
    other = await api.with_token(name="caller")
    for each in (client, other):
        assert "idempotency-replayed" not in (await each.post(THINGS, {"name": "a"}, idempotency_key="k")).headers
    assert await made(db) == ["a", "a"]


async def test_many_at_once_are_one(client, db):
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(client.post(THINGS, {"name": "a"}, idempotency_key="k")) for _ in range(20)]
    assert {task.result().status for task in asked} == {201}
    assert len({task.result().body for task in asked}) == 1
    assert sum("idempotency-replayed" not in task.result().headers for task in asked) == 1
    assert await made(db) == ["a"]


async def test_while_the_first_is_under_way_the_second_waits_and_is_told(client, db, gate):
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post(THINGS, {"name": "a", "gate": "shut"}, idempotency_key="k"))
        await gates["shut reached"].wait()
        second = await client.post(THINGS, {"name": "a", "gate": "shut"}, idempotency_key="k")
        assert (second.status, second.kind) == (409, "conflict")
        gate.set()
    assert first.result().status == 201
    assert await made(db) == ["a"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_failed_left_nothing_and_may_be_tried_again(client, db, when):
    got = await client.post(THINGS, {"name": "a", "fails": when}, idempotency_key="k")
    assert (got.status, got.kind) == (500, "internal")
    assert await made(db) == []
    assert await db.fetch("select * from webhooks.requests") == []
    assert (await client.post(THINGS, {"name": "a"}, idempotency_key="k")).status == 201


async def test_what_was_refused_is_refused_again_and_takes_no_key(client):
    for _ in range(2):
        got = await client.post(THINGS, {"name": ""}, idempotency_key="k")
        assert (got.status, got.kind) == (422, "refused")
    assert (await client.post(THINGS, {"name": "a"}, idempotency_key="k")).status == 201


async def test_a_database_that_goes_in_the_middle_leaves_neither_the_key_nor_the_work(client, db, gate):
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(client.post(THINGS, {"name": "a", "gate": "shut"}, idempotency_key="k"))
        await gates["shut reached"].wait()
        await db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'dispatcher: api' and datname = current_database()"
        )
        gate.set()
    assert (first.result().status, first.result().kind) == (503, "unavailable")
    assert await made(db) == []
    again = await client.post(THINGS, {"name": "a", "gate": "shut"}, idempotency_key="k")
    assert (again.status, "idempotency-replayed" in again.headers) == (201, False)
    assert await made(db) == ["a"]


async def test_a_caller_who_goes_in_the_middle_finds_it_done_when_it_comes_again(api, db, gate):
    made_by = await api.token(name="caller")
    body = json.dumps({"name": "a", "gate": "shut"}).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(
        f"POST {THINGS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {made_by.text}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    await gates["shut reached"].wait()
    writer.transport.abort()
    gate.set()

    async def done() -> bool:
        return await made(db) == ["a"]

    await eventually(done)
    again = await api.client(made_by.text).post(THINGS, body, idempotency_key="k")
    assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")


async def test_a_secret_is_not_remembered_but_read_anew(client, db):
    first = await client.post(SECRETS, {"name": "a"}, idempotency_key="k")
    second = await client.post(SECRETS, {"name": "a"}, idempotency_key="k")
    assert first.json["secret"].startswith("whd_")
    assert second.json == {**first.json, "secret": "read anew"}
    (row,) = await db.fetch("select reply::text, fingerprint from webhooks.requests")
    assert json.loads(row["reply"]) == {"token_id": first.json["id"], "name": "a"}


async def test_a_key_counts_for_a_day(client, db):
    await client.post(THINGS, {"name": "a"}, idempotency_key="k")
    await db.execute("update webhooks.requests set at = now() - interval '1 day 1 s'")
    got = await client.post(THINGS, {"name": "b"}, idempotency_key="k")
    assert (got.status, "idempotency-replayed" in got.headers) == (201, False)
    assert await made(db) == ["a", "b"]


@pytest.mark.parametrize("key", ["", "a b", "ä", "x" * 256])
async def test_a_key_that_is_none_is_refused(client, db, key):
    got = await client.post(THINGS, {"name": "a"}, idempotency_key=key)
    assert (got.status, got.kind) == (400, "malformed")
    assert await made(db) == []


async def test_a_key_may_be_of_any_visible_characters(client):
    key = "".join(map(chr, range(0x21, 0x7F)))
    assert (await client.post(THINGS, {"name": "a"}, idempotency_key=key)).status == 201
    got = await client.post(THINGS, {"name": "a"}, idempotency_key=key)
    assert got.headers["idempotency-replayed"] == "true"
