"""`dispatcher prune`: retention by hand."""

import json
import subprocess
import sys

from dispatcher.store.migrate import NEEDED
from tests.support.daemon import daemon, environment
from tests.support.days import ATTEMPT, ago, days, make_day, put_event
from tests.support.postgres import connected
from tests.support.sql import all_settled, insert, subscribe


def prune(dsn: str, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dispatcher", "prune", *words],
        capture_output=True, text=True, timeout=120, check=False, env=environment(dsn, **settings),
    )  # fmt: skip


def printed(done: subprocess.CompletedProcess[str], code: int = 0) -> list[str]:
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout.splitlines()


async def old(db) -> tuple[str, str, str]:
    """A day of events with one open delivery, one without, one of attempts; and rows outside the days."""
    at = await ago(db, 40)
    needed, free, tried = [
        await make_day(db, parent, when)
        for parent, when in (("events", at), ("events", await ago(db, 41)), ("attempts", at))
    ]
    event_id = await put_event(db, at)
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values ($1, 1)", event_id)
    await db.execute(ATTEMPT, await ago(db, 50))
    await db.execute(
        "insert into webhooks.event_keys (tenant, key, event_id, at) "
        "select '', n::text, webhooks.uuidv7(), now() - interval '8 days' from generate_series(1, 2345) n"
    )
    return needed, free, tried


async def test_it_says_what_went_and_what_stays(database, db):
    needed, free, tried = await old(db)
    assert printed(prune(database.dsn)) == [
        f"dropped {free}", f"dropped {tried}", "deleted 1 row of attempts_default", "deleted 2345 rows of event_keys",
        f"kept {needed}: open deliveries",
    ]  # fmt: skip
    assert {free, tried}.isdisjoint(await days(db))
    assert printed(prune(database.dsn)) == [f"kept {needed}: open deliveries"]


async def test_a_dry_run_says_the_same_beforehand_and_does_nothing(database, db):
    needed, free, tried = await old(db)
    assert printed(prune(database.dsn, "--dry-run")) == [
        f"would be dropped {free}", f"would be dropped {tried}", "would be deleted 1 row of attempts_default",
        "would be deleted 2345 rows of event_keys", f"kept {needed}: open deliveries",
    ]  # fmt: skip
    assert {needed, free, tried} <= await days(db)
    assert await db.fetchval("select count(*) from webhooks.event_keys") == 2345


async def test_as_json(database, db):
    needed, free, tried = await old(db)
    told = {"dropped": [free, tried], "deleted": {"attempts_default": 1, "event_keys": 2345},
            "needed": {needed: "open deliveries"}, "in_use": []}  # fmt: skip
    assert json.loads(prune(database.dsn, "--json", "--dry-run").stdout) == {"dry_run": True, **told}
    assert json.loads(prune(database.dsn, "--json").stdout) == {"dry_run": False, **told}


async def test_where_nothing_is_past_its_time_it_says_so(database):
    assert printed(prune(database.dsn)) == ["nothing is past its time"]


async def test_the_configuration_says_what_is_past_its_time(database, db):
    day = await make_day(db, "attempts", await ago(db, 5))
    assert printed(prune(database.dsn)) == ["nothing is past its time"]
    assert f"dropped {day}" in printed(prune(database.dsn, retention__attempts_days="2.5"))


async def test_a_day_that_stays_in_use_is_named_and_the_exit_code_is_1(database, db):
    day = await make_day(db, "attempts", await ago(db, 40))
    async with connected(database.dsn) as reader, reader.transaction():
        await reader.fetch(f"select * from webhooks.{day}")
        assert printed(prune(database.dsn), 1) == [f"{day} is in use; run dispatcher prune again when that is over"]
    assert printed(prune(database.dsn)) == [f"dropped {day}"]


async def test_beside_a_running_dispatcher_nothing_is_lost(database, db, receiver):
    _, free, tried = await old(db)
    await subscribe(db, receiver.url())
    await db.execute("delete from webhooks.deliveries")
    async with daemon(database.dsn):
        for _ in range(20):
            await insert(db)
        printed(prune(database.dsn))
        for _ in range(20):
            await insert(db)
        await all_settled(db)
    assert len(receiver.requests) == 40
    assert {free, tried}.isdisjoint(await days(db))


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    return line


async def test_a_schema_without_what_it_needs_is_to_be_migrated(database, db):
    await db.execute("delete from webhooks.migrations where number >= $1", NEEDED)
    assert complaint(prune(database.dsn), 2).endswith("run: dispatcher migrate")


async def test_somebody_else_may_not(database):
    assert "app_owner" in complaint(prune(database.dsn_as("app_operator")), 2)


def test_a_private_database_that_is_gone_at_once_is_refused():
    assert "embedded:/some/folder" in complaint(prune("embedded"), 2)


def test_a_server_that_is_not_there_is_a_failure_not_a_mistake(tmp_path):
    assert "app@/app" in complaint(prune(f"postgresql://app@/app?host={tmp_path}"), 1)


def test_what_is_held_longer_than_events_are_kept_is_refused():
    said = complaint(prune("postgresql://h/d", retention__events_days="5"), 2)
    assert "dispatch.hold_days is 7" in said
    assert "retention.events_days" in said
