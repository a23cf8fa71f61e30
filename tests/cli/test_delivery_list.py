"""`dispatcher delivery list`, `show`, `retry`, `cancel`: what was tried, what came back, and what is done about it."""

import base64

import pytest

from tests.support.commands import object_of, ran
from tests.support.sql import insert as insert_event
from tests.support.sql import subscribe

URL = "https://example.com/hook?token=hidden"
WORDS = ["delivery", "list"]


@pytest.fixture
async def past(db):
    """An endpoint with a delivery that died, one that was delivered, and one that will be tried again."""
    endpoint_id, _ = await subscribe(db, URL, name="ERP", tenant="acme")
    await db.execute(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, status, outcome, "
        "reason, reply) values "
        "(1, webhooks.uuidv7(), $1, 1, now() - interval '3 h', 1500, 503, 'retrying', 'http_503', 'up in a minute'), "
        "(1, webhooks.uuidv7(), $1, 2, now() - interval '2 h', 5, null, 'dead', 'timeout', null), "
        "(2, webhooks.uuidv7(), $1, 1, now() - interval '1 h', 7, 200, 'delivered', null, null)",
        endpoint_id,
    )
    event = await insert_event(db, tenant="acme")
    await db.execute("delete from webhooks.inbox")
    await db.execute("update webhooks.attempts set event_id = $1", event)
    await db.execute(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, status, outcome, "
        "reason, reply) values (3, $1, $2, 1, 9, 500, 'retrying', 'http_500', '\\x00ff1b5b33316d')", event, endpoint_id,
    )  # fmt: skip
    await db.execute(
        "insert into webhooks.deliveries (id, event_id, endpoint_id, due_at, attempts, version) "
        "values (3, $1, $2, now() + interval '5 min', 1, 1)", event, endpoint_id,
    )  # fmt: skip
    return endpoint_id, event


async def listed(database, *words: str) -> list[int]:
    return [row["delivery_id"] for row in (await object_of(*WORDS, *words, dsn=database.dsn))["data"]]


async def test_the_latest_is_first_and_each_says_how_it_went(database, past):
    endpoint_id, event = past
    done = await ran(*WORDS, dsn=database.dsn_as("app_operator"))
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = [line.split() for line in done.stdout.splitlines()]
    assert head == ["delivery", "event", "type", "endpoint", "tenant", "state", "tries", "last", "next"]
    known = [f"evt_{event.hex}", "order.paid", str(endpoint_id), "acme"]
    assert lines[0][:7] == ["3", *known, "pending", "1"]
    assert lines[0][7] == "500"
    assert lines[0][-3:] == ["in", "4", "min"]
    assert lines[1] == ["2", *known, "delivered", "1", "200", "60", "min", "ago"]
    assert lines[2] == ["1", *known, "dead", "2", "timeout", "2", "h", "ago"]


async def test_a_program_gets_the_same(database, past):
    endpoint_id, event = past
    made = await object_of(*WORDS, "--limit", "1", dsn=database.dsn)
    (row,) = made["data"]
    assert row.pop("last_at")
    assert row.pop("due_at").endswith("Z")
    assert row == {
        "delivery_id": 3, "event_id": str(event), "endpoint_id": endpoint_id, "tenant": "acme", "type": "order.paid",
        "state": "pending", "attempts": 1, "webhook_id": f"evt_{event.hex}", "last_status": 500,
        "last_reason": "http_500",
    }  # fmt: skip
    assert await listed(database, "--after", made["next"]) == [2, 1]
    assert (await object_of(*WORDS, "--limit", "3", "--state", "dead", dsn=database.dsn))["next"] is None


async def test_filters_narrow_it(database, past):
    endpoint_id, event = past
    assert await listed(database, "--state", "dead") == [1]
    assert await listed(database, "--state", "dead", "--state", "pending") == [3, 1]
    assert await listed(database, "--endpoint", str(endpoint_id), "--type", "order.*", "--tenant", "acme") == [3, 2, 1]
    assert await listed(database, "--type", "user.*") == []
    assert await listed(database, "--tenant", "b") == []
    assert await listed(database, "--since", "90min") == [3, 2]
    assert await listed(database, "--since", "150min", "--until", "90min") == [1]
    assert await listed(database, "--event", f"evt_{event.hex}") == [3, 2, 1]
    assert await listed(database, "--event", str(event), "--state", "delivered") == [2]
    first = await object_of(*WORDS, "--event", str(event), "--limit", "2", dsn=database.dsn)
    assert await listed(database, "--event", str(event), "--after", first["next"]) == [1]


@pytest.mark.usefixtures("past")
async def test_none_and_more_are_said(database):
    assert (await ran(*WORDS, "--tenant", "b", dsn=database.dsn)).stdout == "none\n"
    last = (await ran(*WORDS, "--limit", "2", dsn=database.dsn)).stdout.splitlines()[-1]
    assert last.startswith("and more: --limit N, or --after ")
    rest = (await ran(*WORDS, "--after", last.split()[-1], dsn=database.dsn)).stdout.splitlines()
    assert [line.split()[0] for line in rest[1:]] == ["1"]


async def test_every_attempt_is_shown_with_what_came_back(database, past):
    endpoint_id, event = past
    done = await ran("delivery", "show", "1", dsn=database.dsn_as("app_operator"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "delivery 1  order.paid",
        f"to        endpoint {endpoint_id}, ERP (https://example.com/hook)",
        "tenant    acme",
        f"event     evt_{event.hex}",
        "state     dead, 2 of 14 attempts made",
    ]
    assert lines[5].endswith("  503 retrying after 1,500 ms")
    assert lines[6] == "      up in a minute"
    assert lines[7].endswith("  timeout dead after 5 ms")
    assert [line.split()[1:5] for line in lines[8:]] == [
        ["dispatcher", "delivery", "retry", "1"], ["dispatcher", "replay", "--endpoint", str(endpoint_id)],
    ]  # fmt: skip


@pytest.mark.usefixtures("past")
async def test_a_reply_is_text_or_base64_for_a_program_and_harmless_for_a_person(database):
    first, second = (await object_of("delivery", "show", "1", dsn=database.dsn))["attempts_made"]
    assert (first["reply"], first["reply_encoding"]) == ("up in a minute", "utf-8")
    assert (second["reply"], second["status"], second["reason"]) == (None, None, "timeout")
    made = await object_of("delivery", "show", "3", dsn=database.dsn)
    (only,) = made["attempts_made"]
    assert (base64.b64decode(only["reply"]), only["reply_encoding"]) == (b"\x00\xff\x1b[31m", "base64")
    shown = (await ran("delivery", "show", "3", dsn=database.dsn)).stdout
    assert "\\x00\\xff\\x1b[31m" in shown
    assert not set(shown) & set("\x00\x1b")


async def test_one_that_is_held_says_why(database, db, past):
    endpoint_id, _ = past
    shown = (await ran("delivery", "show", "3", dsn=database.dsn)).stdout
    assert "1 of 14 attempts made; the next one in 4 min, at " in shown
    await db.execute("select webhooks.pause($1)", endpoint_id)
    shown = (await ran("delivery", "show", "3", dsn=database.dsn)).stdout
    assert "; held: the endpoint is paused" in shown
    assert f"next      dispatcher endpoint show {endpoint_id}\n" in shown
    await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
    shown = (await ran("delivery", "show", "3", dsn=database.dsn)).stdout
    assert f"to        endpoint {endpoint_id}, which is gone" in shown
    assert "cancelled" in shown
    assert "next" not in shown


@pytest.mark.usefixtures("past")
async def test_several_are_retried_or_cancelled_each_for_itself(database, db):
    done = await ran("delivery", "retry", "1", "2", "3", "99", dsn=database.dsn_as("app_operator"))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"delivery {n}: due now, with all its attempts again" for n in (1, 3)]
    assert done.stderr.splitlines() == [
        "dispatcher: delivery 2: nothing to retry: it is neither open nor dead, or its event or its endpoint is gone",
        "dispatcher: there is no delivery 99",
    ]
    assert [tuple(row) for row in await db.fetch("select id, attempts from webhooks.deliveries order by id")] == [
        (1, 0), (3, 0),
    ]  # fmt: skip
    made = await object_of("delivery", "cancel", "1", "3", dsn=database.dsn)
    assert made == {"data": [{"delivery_id": number, "done": True, "error": None} for number in (1, 3)]}
    again = await ran("delivery", "cancel", "1", dsn=database.dsn)
    assert (again.returncode, again.stderr) == (1, "dispatcher: delivery 1: nothing to cancel: it is not open\n")


@pytest.mark.usefixtures("past")
async def test_others_are_told_what_to_grant(database):
    for words in (WORDS, ["delivery", "show", "1"], ["delivery", "retry", "1"], ["delivery", "cancel", "1"]):
        for role in ("app_producer", "app_nobody"):
            done = await ran(*words, dsn=database.dsn_as(role))
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.endswith(f"run: grant webhooks_operator to {role}\n")
