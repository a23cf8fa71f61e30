"""`dispatcher endpoint list`: where events go, and what the last one came to."""

import pytest
from rich.cells import cell_len

from tests.support.commands import object_of, ran
from tests.support.postgres import change_past_the_trigger
from tests.support.sql import subscribe

URL = "https://example.com/hook?token=hidden"


async def attempted(
    db, endpoint_id: int, outcome: str, status: int | None, reason: str | None, ago_s: int = 12
) -> None:
    await db.execute(
        "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, at, duration_ms, status, outcome, "
        "reason) values (1, webhooks.uuidv7(), $1, 1, now() - $5 * interval '1 s', 3, $3, $2, $4)",
        endpoint_id, outcome, status, reason, ago_s,
    )  # fmt: skip


async def test_none_is_no_error(database):
    done = await ran("endpoint", "list", dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "none; dispatcher endpoint create URL makes one\n"
    assert (await ran("endpoint", "list", "--tenant", "b", dsn=database.dsn)).stdout == "none like that\n"
    assert await object_of("endpoint", "list", dsn=database.dsn) == {"data": [], "next": None}


async def test_each_is_a_line_with_what_its_last_request_came_to(database, db):
    sent, _ = await subscribe(db, URL, "{order.*,user.made}", name="ERP")
    late, _ = await subscribe(db, URL, tenant="acme")
    await subscribe(db, URL)
    ended, _ = await subscribe(db, URL)
    await attempted(db, sent, "retrying", 503, "http_503")
    await attempted(db, late, "dead", None, "timeout", 7300)
    await attempted(db, ended, "cancelled", None, "cancelled")
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values (webhooks.uuidv7(), $1)", sent)
    await db.execute("update webhooks.endpoints set parked_until = now() + interval '10 min' where id = $1", sent)
    await db.execute("update webhooks.endpoints set state = 'disabled', state_reason = 'gone' where id = $1", late)
    lines = (await ran("endpoint", "list", dsn=database.dsn)).stdout.splitlines()
    assert lines[0].split() == ["id", "tenant", "name", "url", "types", "state", "open", "1", "h", "last"]
    shown = [[cell for cell in line.split("  ") if cell.strip()] for line in lines[1:]]
    where = "https://example.com/hook"
    assert [cell.strip() for cell in shown[0]] == [
        str(sent), "ERP", where, "order.*, user.made", "active, parked 9 min", "1", "0 % 3 ms",
        "503 retrying 12 s ago",
    ]  # fmt: skip
    assert [cell.strip() for cell in shown[1]] == [
        str(late), "acme", where, "*", "disabled: gone", "0", "timeout dead 2 h ago",
    ]  # fmt: skip
    assert shown[2][-1].strip() == "never"
    assert shown[3][-1].strip() == "cancelled 12 s ago"
    assert not [line for line in lines if line != line.rstrip() or "\t" in line or "hidden" in line]


async def test_a_program_gets_the_same_as_one_object(database, db):
    endpoint_id, _ = await subscribe(db, URL, "{a,b}", name="ERP", timeout_s=2.5)
    await attempted(db, endpoint_id, "delivered", 200, None)
    made = await object_of("endpoint", "list", dsn=database.dsn)
    (row,) = made["data"]
    assert made["next"] is None
    assert row.pop("last_at").endswith("Z")
    for key in ("created_at", "state_at"):
        assert row.pop(key).endswith("Z")
    assert row == {
        "endpoint_id": endpoint_id, "tenant": "", "name": "ERP", "types": ["a", "b"], "profile": None,
        "state": "active", "state_reason": None, "failing_since": None, "parked_until": None, "open": 0,
        "url": "https://example.com/hook", "oldest_due_at": None, "last_status": 200, "last_outcome": "delivered",
        "last_reason": None, "delivered_1h": 1, "failed_1h": 0, "success_1h": 1, "p95_ms_1h": 3, "delivered_24h": 1,
        "failed_24h": 0, "success_24h": 1, "p95_ms_24h": 3,
    }  # fmt: skip


async def test_filters_narrow_it(database, db):
    ids = [(await subscribe(db, URL, "{order.*}" if n % 2 else "{*}", tenant="ab"[n // 2]))[0] for n in range(4)]
    await db.execute("update webhooks.endpoints set state = 'paused' where id = any ($1)", ids[:1])

    async def listed(*words: str) -> list[int]:
        made = await object_of("endpoint", "list", *words, dsn=database.dsn)
        return [row["endpoint_id"] for row in made["data"]]

    assert await listed("--tenant", "b") == ids[2:]
    assert await listed("--state", "paused") == ids[:1]
    assert await listed("--state", "paused", "--state", "active", "--tenant", "a") == ids[:2]
    assert await listed("--type", "user.made") == ids[::2]
    assert await listed("--type", "order.paid", "--state", "active") == ids[1:]


async def test_what_is_left_out_is_said_and_where_to_go_on(database, db):
    ids = [(await subscribe(db, URL))[0] for _ in range(5)]
    done = await ran("endpoint", "list", "--limit", "2", dsn=database.dsn)
    assert done.stdout.splitlines()[-1] == f"and more: --limit N, or --after {ids[1]}"
    rest = await ran("endpoint", "list", "--after", str(ids[1]), dsn=database.dsn)
    assert [line.split()[0] for line in rest.stdout.splitlines()[1:]] == list(map(str, ids[2:]))
    made = await object_of("endpoint", "list", "--limit", "4", dsn=database.dsn)
    assert made["next"] == ids[3]
    assert (await object_of("endpoint", "list", "--after", str(ids[3]), dsn=database.dsn))["next"] is None


async def test_what_strangers_write_commands_no_terminal(database, db):
    await subscribe(db, URL, name="ok")
    await change_past_the_trigger(
        database,
        "update webhooks.endpoints set name = E'\\x1b[31mred\\u202e\\r\\nforged', "
        "url = E'https://example.com/\\x1b]0;x\\x07', state = 'disabled', state_reason = E'\\u009b2J'",
    )
    for words in (["endpoint", "list"], ["endpoint", "show", "1"]):
        for env in ({}, {"FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1"}):
            done = await ran(*words, dsn=database.dsn, env=env)
            assert done.returncode == 0
            assert not set(done.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "")) & set("\x1b\x07\r\x9b\u202e")
            assert "forged" not in [line[:6] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("columns", [60, 80, 140])
async def test_on_a_terminal_it_takes_no_more_than_there_is(database, db, columns):
    url = f"https://a-rather-long-host-name.example.com/{'x' * 90}"
    ids = [(await subscribe(db, url, "{a.*,b.*,c.*,d.*}", name="名" * 30))[0] for _ in range(3)]
    await attempted(db, ids[-1], "retrying", 503, "http_503")
    env = {"FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "dumb", "NO_COLOR": "1"}
    done = await ran("endpoint", "list", dsn=database.dsn, env=env)
    assert len(done.stdout.splitlines()) == 4
    assert max(map(cell_len, done.stdout.splitlines())) <= columns
    assert columns < 80 or done.stdout.splitlines()[-1].endswith("503 retrying 12 s ago"), "it is what people look for"
    piped = await ran("endpoint", "list", dsn=database.dsn)
    assert "名" * 30 in piped.stdout, "nothing is cut in a pipe"


async def test_an_operator_may_look_and_others_are_told_what_to_grant(database, db):
    endpoint_id, _ = await subscribe(db, URL)
    for words in (["endpoint", "list"], ["endpoint", "show", str(endpoint_id)]):
        done = await ran(*words, dsn=database.dsn_as("app_operator"))
        assert (done.returncode, done.stderr) == (0, "")
        for role in ("app_producer", "app_nobody"):
            done = await ran(*words, dsn=database.dsn_as(role))
            assert (done.returncode, done.stdout) == (2, "")
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"dispatcher: role {role} may not ")
            assert line.endswith(f"run: grant webhooks_operator to {role}")


async def test_a_schema_that_is_too_old_is_said_as_such(database, db):
    await db.execute("drop view webhooks.endpoint_settings")
    done = await ran("endpoint", "list", dsn=database.dsn)
    assert done.returncode == 2
    assert done.stderr.endswith("run: dispatcher migrate\n")
    assert "webhooks.endpoint_settings" in done.stderr
