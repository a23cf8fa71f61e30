"""`dispatcher endpoint activate`, `pause`, `resume`, `delete`: one or several, each for itself."""

import sys
from pathlib import Path

import pytest

from tests.support.commands import object_of, ran, typed
from tests.support.program import program
from tests.support.sql import endpoint, subscribe

URL = "https://example.com/hook"


@pytest.fixture
async def three(db):
    return [(await subscribe(db, URL))[0] for _ in range(3)]


async def states(db) -> list[str]:
    return [row["state"] for row in await db.fetch("select state from webhooks.endpoints order by id")]


async def test_several_are_moved_at_once(database, db, three):
    numbers = list(map(str, three))
    for words, state in ((["pause", *numbers], "paused"), (["resume", *numbers], "active")):
        done = await ran("endpoint", *words, dsn=database.dsn_as("app_operator"))
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.split(":")[0] for line in done.stdout.splitlines()] == [f"endpoint {each}" for each in numbers]
        assert await states(db) == [state] * 3
    await db.execute("update webhooks.endpoints set state = 'disabled', state_reason = 'gone'")
    assert (await ran("endpoint", "activate", *numbers, dsn=database.dsn)).returncode == 0
    assert await states(db) == ["active"] * 3


async def test_what_one_is_refused_keeps_no_other_from_it(database, db, three):
    await db.execute("update webhooks.endpoints set state = 'inactive' where id = $1", three[0])
    done = await ran("endpoint", "pause", *map(str, three), "99", str(three[1]), dsn=database.dsn)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"dispatcher: endpoint {three[0]} is inactive; only an active endpoint can be paused",
        "dispatcher: there is no endpoint 99",
    ]
    assert len(done.stdout.splitlines()) == 2, "one that is named twice is moved once"
    assert await states(db) == ["inactive", "paused", "paused"]
    made = await object_of("endpoint", "resume", str(three[1]), "99", dsn=database.dsn, code=1)
    assert made["data"] == [
        {"endpoint_id": three[1], "done": True, "error": None},
        {"endpoint_id": 99, "done": False, "error": "there is no endpoint 99"},
    ]


async def test_deleting_needs_somebody_to_ask_or_to_be_told_not_to(database, db, three):
    done = typed("endpoint", "delete", str(three[0]), dsn=database.dsn)
    assert (done.returncode, done.stdout) == (2, "")
    assert "add --yes" in done.stderr
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values (webhooks.uuidv7(), $1)", three[0])
    done = typed("endpoint", "delete", str(three[0]), str(three[1]), "--yes", dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"endpoint {three[0]}: deleted; its history stays"
    assert await db.fetchval("select outcome from webhooks.attempts") == "cancelled"
    assert [await endpoint(db, each) is None for each in three] == [True, True, False]


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("y", 0)])
async def test_on_a_terminal_it_asks_and_says_what_is_lost(database, db, three, tmp_path, answer, code):
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values (webhooks.uuidv7(), $1)", three[0])
    words = f"{sys.executable} -m dispatcher endpoint delete {three[0]}"
    command = f"printf '{answer}\\n' | script -qec '{words}' /dev/null; echo ended"
    env = {"DISPATCHER_DATABASE__DSN": database.dsn, "PYTHONPATH": str(Path(__file__).parents[2])}
    async with program("sh", "-c", command, cwd=tmp_path, env=env) as asking:
        await asking.says(rf"endpoint {three[0]}, {URL}; its 1 open delivery will be cancelled")
        await asking.says(r"Delete\?")
        await asking.says("ended")
    assert len(await states(db)) == (2 if code == 0 else 3)
