"""Who gets in: a token that counts, shown in the header; nothing else, however it looks and however often it comes."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from dispatcher.admin.limits import REFUSED, SLOWED
from dispatcher.store import tokens
from tests.support.api import serving
from tests.support.eventually import eventually
from tests.support.trying import RESOURCES

PATH = "/api/v1/things"
WRONG = "a" * 43
HOST = b"Host: localhost\r\n"


async def test_a_token_that_counts_is_let_in(api):
    client = await api.with_token("read")
    assert (await client.get(PATH)).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_said_in_any_case(api, scheme):
    made = await api.token("read")
    assert (await api.client().get(PATH, authorization=f"{scheme} {made.text}")).status == 200


async def test_without_a_token_it_is_said_how_to_show_one(api):
    got = await api.client().get(PATH)
    assert (got.status, got.kind) == (401, "unauthenticated")
    assert got.headers["www-authenticate"] == 'Bearer realm="dispatcher"'
    assert "Authorization: Bearer" in got.json["detail"]


@pytest.mark.parametrize(
    "header",
    [b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Bearer whd_1_", b"Bearer \xff\xfe\x80",
     b"Bearer whd_1_" + b"\xc3\xa4" * 22, "Bearer whd_\u0667_x".encode(), b"Bearer " + b"x" * 4000,
     b"whd_1_" + b"a" * 43, b"Bearer whd_99999999999999999999_" + b"a" * 43],
)  # fmt: skip
async def test_what_is_no_token_is_refused_whatever_its_bytes(api, header):
    reply = await api.raw(b"GET /api/v1/things HTTP/1.1\r\n" + HOST + b"Authorization: " + header + b"\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 401 "), reply
    assert b"urn:dispatcher:problem:unauthenticated" in reply  # fmt: skip


async def test_a_token_of_10_megabytes_is_refused_without_being_kept(api):
    reply = await api.raw(b"GET /api/v1/things HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + b"x" * 10_000_000)
    assert reply == b"" or reply.startswith(b"HTTP/1.1 400 "), reply[:200]
    assert (await api.client().get("/healthz")).status == 200


async def test_two_tokens_are_none(api):
    made = await api.token("read")
    shown = f"Authorization: Bearer {made.text}\r\n".encode()
    reply = await api.raw(b"GET /api/v1/things HTTP/1.1\r\n" + HOST + shown + shown + b"\r\n")
    assert reply.startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 400 ")), reply


async def test_a_token_in_the_query_or_a_cookie_is_none(api):
    made = await api.token("read")
    for where in ("token", "access_token", "api_key"):
        assert (await api.client().get(f"{PATH}?{where}={made.text}")).status == 401
    assert (await api.client().get(PATH, cookie=f"token={made.text}")).status == 401


async def test_one_of_another_id_or_another_secret_is_refused(api):
    made = await api.token("read")
    for wrong in (f"whd_{made.id}_{WRONG}", made.text.replace(f"whd_{made.id}_", "whd_77_"), made.text[:-1] + "!"):
        got = await api.client(wrong).get(PATH)
        assert (got.status, got.headers["www-authenticate"][-23:]) == (401, ', error="invalid_token"'[-23:])


async def test_a_new_token_counts_at_once_and_a_revoked_one_no_more(api):
    first = await api.with_token("read")
    assert (await first.get(PATH)).status == 200
    made = await api.token("read", name="second")
    second = api.client(made.text)
    assert (await second.get(PATH)).status == 200
    await tokens.revoke(api.session, made.id)
    began = time.monotonic()
    await eventually(lambda: refused(second))
    assert time.monotonic() - began < 5
    assert (await first.get(PATH)).status == 200


async def refused(client) -> bool:
    return (await client.get(PATH)).status == 401


async def test_one_that_expires_counts_no_more(api, db):
    made = await api.token("read", lives_s=3600)
    client = api.client(made.text)
    assert (await client.get(PATH)).status == 200
    await db.execute("update webhooks.tokens set expires_at = now()")
    await eventually(lambda: refused(client))


async def test_when_it_was_used_is_noted_to_the_minute(api, db):
    client = await api.with_token("read")
    await client.get(PATH)
    noted = await db.fetchval("select last_used_at from webhooks.tokens")
    assert noted is not None
    await client.get(PATH)
    assert await db.fetchval("select last_used_at from webhooks.tokens") == noted


async def test_a_scope_that_is_too_low_is_said(api):
    got = await (await api.with_token("read")).post("/api/v1/things/1/pause")
    assert (got.status, got.kind) == (403, "forbidden")
    assert got.json["detail"] == "this takes a token of scope operate; this one's is read"


async def test_the_handler_is_told_the_tenant(api):
    assert (await (await api.with_token("read", tenant="acme")).get(PATH)).json["asked"]["tenant"] == "acme"
    assert (await (await api.with_token("read")).get(PATH)).json["asked"]["tenant"] is None


# Often.


async def test_a_peer_that_fails_often_is_put_off_while_who_counts_still_passes(api):
    good = await api.with_token("read")
    assert (await good.get(PATH)).status == 200
    bad = api.client(f"whd_1_{WRONG}")
    with capture_logs() as said:
        first = [(await bad.get(PATH)).status for _ in range(SLOWED)]
        began = time.monotonic()
        got = await bad.get(PATH)
        took_s = time.monotonic() - began
    assert first == [401] * SLOWED
    assert (got.status, got.kind) == (401, "unauthenticated")
    assert took_s >= 1
    assert [(line["event"], line["peer"]) for line in said if line["log_level"] == "warning"] == [
        ("peer.slowed", "127.0.0.1")
    ]
    assert (await good.get(PATH)).status == 200


async def test_a_peer_that_fails_all_the_time_is_told_to_wait_while_who_counts_still_passes(api):
    good = await api.with_token("read")
    bad = api.client(f"whd_1_{WRONG}")
    with capture_logs() as said:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(bad.get(PATH)) for _ in range(REFUSED + 20)]
    refused = [task.result() for task in asked if task.result().status == 429]
    assert {task.result().status for task in asked} == {401, 429}
    assert len(refused) == 20
    assert {(got.kind, got.headers["retry-after"]) for got in refused} == {("too-many", "60")}
    assert [line["event"] for line in said if line["log_level"] == "warning"] == ["peer.slowed"]
    assert (await good.get(PATH)).status == 200


async def test_hundreds_of_wrong_tokens_cost_a_query_a_second_and_hold_up_nobody(api):
    good = await api.with_token("read")
    assert (await good.get(PATH)).status == 200
    asked, bearers = api.count_queries(), api.door.frame._bearers
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        wrong = [tasks.create_task(api.client(f"whd_{1000 + number}_{WRONG}").get(PATH)) for number in range(200)]
        await eventually(lambda: bearers._wanted)
        bearers._next_at += 1.5
        for seen in bearers._seen.values():
            seen.at -= 10  # to be looked up again: not behind the wrong ones
        right = [(await good.get(PATH)).status]
        assert sum(task.done() for task in wrong) < 5
        right += [(await good.get(PATH)).status for _ in range(49)]
    took_s = time.monotonic() - began
    assert right == [200] * 50
    assert {task.result().status for task in wrong} == {401, 429}
    assert asked() <= 2 * (took_s + 2), f"in {took_s:.1f} s"


async def test_a_token_has_so_many_requests_a_second(api):
    client = await api.with_token("read")
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(client.get(PATH)) for _ in range(200)]
    got = [task.result() for task in asked]
    refused = [each for each in got if each.status == 429]
    assert {each.status for each in got} == {200, 429}
    assert refused[0].kind == "too-many"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert (await (await api.with_token("read")).get(PATH)).status == 200


# Away.


async def test_while_the_database_is_away_nobody_is_let_in_and_it_is_said(tmp_path):
    async with serving(f"postgresql://nobody@/none?host={tmp_path}", RESOURCES) as api:
        got = await api.client(f"whd_1_{WRONG}").get(PATH)
        assert (got.status, got.kind, got.headers["retry-after"]) == (503, "unavailable", "2")
        assert str(tmp_path) not in got.body.decode()
        assert (await api.client().get("/healthz")).status == 200
        ready = await api.client().get("/readyz")
        assert (ready.status, ready.kind, ready.json["detail"]) == (503, "unavailable", "not ready")
