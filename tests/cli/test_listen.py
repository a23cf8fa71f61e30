"""`dispatcher listen`: a receiver that shows what it gets, alone and in the README's recipe."""

import asyncio
import json
import re
import socket
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from standardwebhooks import Webhook

from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.factories import SECRET
from tests.support.listening import BODY, listening, post, process
from tests.support.sql import all_settled, attempts

OTHER = "whsec_" + "B" * 32


def signed(secret: str = SECRET, body: bytes = BODY, at: datetime | None = None) -> dict[str, str]:
    """The headers of a request, signed by the official library."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", at, body.decode()),
    }


async def test_a_signature_of_the_official_library_verifies():
    async with listening("--secret", SECRET) as (running, url):
        assert await post(f"{url}/hook", signed()) == 200
        line = await running.until("POST /hook")
        assert "POST /hook" in line
        assert "order.paid" in line
        assert "evt_1" in line
        assert "✓ verified" in line
        assert "→ 200" in line
        assert await running.is_told_to_end() == 0
        assert running.text.endswith("\n1 request: 1 verified, 0 not\n")


UNTRUSTED = {
    "another secret": (lambda: signed(OTHER), BODY, "another secret or another body"),
    "another body": (signed, BODY + b" ", "another secret or another body"),
    "no headers": (dict, BODY, "no webhook-id, webhook-timestamp, webhook-signature"),
    "no number": (lambda: {**signed(), "webhook-timestamp": "soon"}, BODY, "webhook-timestamp is not a number"),
    "long ago": (lambda: signed(at=datetime.now(UTC) - timedelta(minutes=6)), BODY, "300 are allowed"),
    "garbage": (
        lambda: {**signed(), "webhook-signature": "v1,AAAA v2,x  ,"}, BODY, "another secret or another body"
    ),
}  # fmt: skip
"""Signed when they are sent: what was signed as this was read would be old by then."""


@pytest.mark.parametrize(("headers", "body", "why"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_what_does_not_verify_is_marked_with_the_reason(headers, body, why):
    async with listening("--secret", SECRET) as (running, url):
        await post(f"{url}/hook", headers(), body)
        line = await running.until("POST /hook")
        assert "✗" in line
        assert why in line
        assert "verified" not in line
        await running.is_told_to_end()
        assert running.text.endswith("1 request: 0 verified, 1 not\n")


async def test_any_of_several_secrets_may_have_signed():
    async with listening("--secret", OTHER, "--secret", SECRET) as (running, url):
        await post(f"{url}/hook", signed())
        assert "✓ verified" in await running.until("POST /hook")


async def test_without_a_secret_it_says_so_and_how_to_get_one():
    async with listening() as (running, url):
        await post(f"{url}/hook", signed())
        assert "- no secret given" in await running.until("POST /hook")
        assert "--secret whsec_… (subscribe returns it)" in running.text
        there = url.replace("127.0.0.1", "localhost")
        assert f"SELECT * FROM webhooks.subscribe('{there}/hook');" in running.text


async def test_it_shows_the_body_laid_out():
    async with listening() as (running, url):
        await post(f"{url}/hook")
        assert '"order": 42' in await running.until('"order"')


async def test_a_status_is_answered_so_many_times_then_200():
    async with listening("--status", 503, "--times", 2) as (running, url):
        assert [await post(url) for _ in range(4)] == [503, 503, 200, 200]
        assert await running.is_told_to_end() == 0
        assert re.findall(r"→ (\d+)", running.text) == ["503", "503", "200", "200"]


async def test_a_status_without_times_is_answered_always():
    async with listening("--status", 410) as (_, url):
        assert [await post(url) for _ in range(3)] == [410] * 3


async def test_an_answer_can_be_late():
    async with listening("--delay", 0.3) as (_, url):
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert await post(url) == 200
        assert loop.time() - before >= 0.3


async def test_ctrl_c_does_not_wait_for_a_late_answer():
    async with listening("--delay", 60) as (running, url):
        asking = asyncio.create_task(post(f"{url}/hook"))
        await running.until("POST /hook")
        assert await running.is_told_to_end() == 0
        with pytest.raises(aiohttp.ClientError):
            await asking


HOSTILE = {
    "no json": b"\xff\xfe\x00\x1b[2J",
    "json of no event": b"[1, 2]",
    "deep": b"[" * 100_000,
    "nothing": b"",
    "long": b'"' + b"x" * 500_000 + b'"',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("words", [[], ["--json"]], ids=["eyes", "json"])
async def test_no_body_stops_it_or_reaches_the_terminal_raw(body, words):
    port = free_port()
    async with process("--port", port, *words) as running:
        await eventually_posts(f"http://127.0.0.1:{port}/hook", body)
        assert await post(f"http://127.0.0.1:{port}/next") == 200
        await running.until("/next")
        assert await running.is_told_to_end() == 0
        assert "\x1b" not in running.text


async def eventually_posts(url: str, body: bytes) -> None:
    """Post once it listens."""

    async def posts() -> bool:
        try:
            return await post(url, body=body) == 200
        except aiohttp.ClientConnectorError:
            return False

    await eventually(posts, within=60)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def test_as_json_each_request_is_a_line():
    port = free_port()
    async with process("--port", port, "--secret", SECRET, "--json") as running:
        await eventually_posts(f"http://127.0.0.1:{port}/hook?a=1", BODY)
        refused = json.loads(await running.until("/hook"))
        await post(f"http://127.0.0.1:{port}/again", signed())
        accepted = json.loads(await running.until("/again"))
        assert await running.is_told_to_end() == 0
        assert len(running.text.splitlines()) == 2, "nothing else on stdout"
    assert (refused["verified"], refused["path"], refused["status"]) == (False, "/hook?a=1", 200)
    assert (accepted["verified"], accepted["refusal"], accepted["type"]) == (True, None, "order.paid")
    assert accepted["body"] == json.loads(BODY)


async def test_a_port_in_use_is_one_line_and_1():
    async with listening() as (_, url):
        port = url.rpartition(":")[2]
        async with process("--port", port) as second:
            assert await second.process.wait() == 1
            assert (await second.process.stdout.read()) == b""
            said = (await second.process.stderr.read()).decode()
    assert re.fullmatch(rf"dispatcher: cannot listen on 127\.0\.0\.1:{port}: .*in use.*\n", said), said


async def test_a_host_that_is_not_ours_is_one_line_and_1():
    async with process("--host", "192.0.2.1", "--port", 0) as running:
        assert await running.process.wait() == 1
        said = (await running.process.stderr.read()).decode()
    assert re.fullmatch(r"dispatcher: cannot listen on 192\.0\.2\.1:0: .*\n", said), said


# The README's "Develop against it", from end to end

LOCALHOST = {"egress__allow_http": "true", "egress__allow_hosts": '["localhost"]', "egress__allow_networks": "[]"}


async def test_the_recipe_of_the_readme(database, db):
    port = free_port()
    async with daemon(database.dsn, **LOCALHOST):
        endpoint_id, secret = await db.fetchrow("SELECT * FROM webhooks.subscribe($1)", f"http://localhost:{port}/hook")
        async with process("--port", port, "--secret", secret) as running:
            await running.until("listening on")
            await db.execute("SELECT webhooks.ping($1)", endpoint_id)
            line = await running.until("POST /hook")
            assert "webhook.ping" in line
            assert "✓ verified" in line
            await all_settled(db)
            assert await running.is_told_to_end() == 0
    assert await attempts(db) == [(1, "delivered", None, 200)]


async def test_the_recipe_that_refuses_twice_to_see_the_retries(database, db):
    port = free_port()
    async with daemon(database.dsn, **LOCALHOST), process("--port", port, "--status", 503, "--times", 2) as running:
        await running.until("listening on")
        await db.execute("SELECT * FROM webhooks.subscribe($1)", f"http://localhost:{port}/hook")
        await db.execute("""INSERT INTO webhooks.events (type, data) VALUES ('order.paid', '{"order": 42}')""")
        await all_settled(db)
        assert await running.is_told_to_end() == 0
        assert running.text.count("→ 503") == 2
        assert running.text.count("→ 200") == 1
    assert [outcome for _, outcome, _, _ in await attempts(db)] == ["retrying", "retrying", "delivered"]


async def test_without_the_recipe_localhost_is_not_called(database, db):
    port = free_port()
    settings = {"egress__allow_http": "true", "egress__allow_networks": "[]"}
    async with daemon(database.dsn, **settings), process("--port", port) as running:
        await running.until("listening on")
        endpoint_id, _ = await db.fetchrow("SELECT * FROM webhooks.subscribe($1)", f"http://localhost:{port}/hook")
        await db.execute("SELECT webhooks.ping($1)", endpoint_id)
        await all_settled(db)
        await running.is_told_to_end()
        assert "\n0 requests" in running.text
    assert [reason for _, _, reason, _ in await attempts(db)] == ["invalid_url"]
