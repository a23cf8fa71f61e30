"""SQL, the HTTP API and the command line refuse the same things with the same words."""

import json
from typing import Any

import asyncpg
import pytest

from dispatcher.cli.complaint import worded
from dispatcher.errors import Refused
from tests.support.api import serving
from tests.support.commands import ran

URL = "https://example.com/hook"
FLAGS: dict[str, str] = {"types": "--types", "timeout_s": "--timeout-s", "max_in_flight": "--max-in-flight",
                         "max_attempts": "--max-attempts", "rate_limit": "--rate-limit"}  # fmt: skip
REFUSED: list[tuple[str, Any]] = [
    ("url", "https://0x7f.1/"), ("url", "https://user:pw@example.com/"), ("url", "ftp://example.com/"),
    ("url", "https://example.com/a b"), ("types", ["a b"]), ("types", ["*.b"]), ("tenant", "x" * 257),
    ("name", "x" * 201), ("profile", "nobody"), ("timeout_s", 31), ("timeout_s", 1.5), ("max_in_flight", 0),
    ("max_attempts", 101), ("rate_limit", 0), ("filter", "$.amount"), ("filter", "$.amount >"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), REFUSED)
async def test_an_endpoint_is_refused_in_the_same_words_everywhere(database, db, name, value):
    given = {"url": URL, name: value}
    said = await said_by_sql(db, "select webhooks.create_endpoint($1::text::json)", json.dumps(given))
    assert await said_by_api(database.dsn, "/api/v1/endpoints", given) == (said.message, said.hint)
    url, *more = (value,) if name == "url" else (URL, FLAGS.get(name, f"--{name}"), *words(value))
    assert await said_by_cli(database.dsn, "endpoint", "create", url, *more) == worded(said)
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 0


EVENTS: list[tuple[str, Any]] = [("type", "a b"), ("type", "webhook.ping"), ("type", "x" * 129), ("key", "x" * 513),
                                 ("tenant", "x" * 257)]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), EVENTS)
async def test_an_event_is_refused_in_the_same_words_everywhere(database, db, name, value):
    given = {"type": "a", "data": {}, name: value}
    said = await said_by_sql(
        db, "select webhooks.emit($1, '{}'::text, tenant => $2, key => $3)",
        given["type"], given.get("tenant", ""), given.get("key"),
    )  # fmt: skip
    assert await said_by_api(database.dsn, "/api/v1/events", given) == (said.message, said.hint)
    more = () if name == "type" else (f"--{name}", value)
    assert await said_by_cli(database.dsn, "event", "send", given["type"], "{}", *more) == worded(said)
    assert await db.fetchval("select count(*) from webhooks.events") == 0


async def test_a_state_that_does_not_allow_it_is_refused_in_the_same_words_everywhere(database, db):
    endpoint_id = await db.fetchval("select endpoint_id from webhooks.subscribe($1)", URL)
    await db.execute("select webhooks.pause($1)", endpoint_id)
    said = await said_by_sql(db, "select webhooks.activate($1)", endpoint_id)
    assert await said_by_cli(database.dsn, "endpoint", "activate", str(endpoint_id)) == worded(said)
    async with serving(database.dsn, None) as api:
        got = await (await api.with_token("admin")).post(f"/api/v1/endpoints/{endpoint_id}/activate")
    assert (got.status, got.json["detail"]) == (409, f"{said.message}; {said.hint}")


def words(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


async def said_by_sql(db, statement: str, *args: object) -> Refused:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await db.execute(statement, *args)
    error = caught.value
    return Refused(error.sqlstate, error.constraint_name, error.args[0], error.hint)


async def said_by_api(dsn: str, path: str, given: dict[str, Any]) -> tuple[str, str]:
    async with serving(dsn, None, egress__allow_networks=[]) as api:
        got = await (await api.with_token("admin")).post(path, given)
    assert got.status == 422, got.body
    (blamed,) = got.json["errors"]
    return blamed["message"], blamed["allowed"]


async def said_by_cli(dsn: str, *arguments: str) -> str:
    done = await ran(*arguments, dsn=dsn)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.strip().removeprefix("dispatcher: ")
