"""`dispatcher replay`: what it says, that it can be stopped and gone on with, and what it refuses."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import typer

from dispatcher.cli.instants import Instant
from dispatcher.cli.replaying.asked import Asked, Turn, refuse_contradiction
from dispatcher.cli.replaying.progress import EVERY_S, Lines
from dispatcher.cli.screen import Screen
from dispatcher.store.replays import Preview
from tests.support.commands import told, typed
from tests.support.daemon import daemon, environment
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.sql import all_settled, attempts, deliveries, insert_many, states, subscribe

URL = "https://example.com/hook?token=hidden"
FANNED_OUT = "delete from webhooks.inbox"


@pytest.fixture
def dsn(database) -> str:
    """An operator's: whoever replays need not own the schema."""
    return database.dsn_as("app_operator")


async def past(db, count: int, **settings: object) -> int:
    """An endpoint, and so many events that it got once."""
    endpoint_id, _ = await subscribe(db, URL, "{order.*}", **settings)
    await insert_many(db, count)
    await db.execute(FANNED_OUT)
    return endpoint_id


def again(endpoint_id: int, *words: str) -> tuple[str, ...]:
    return "replay", "--endpoint", str(endpoint_id), "--since", "1h", *words


async def test_it_says_what_it_is_about_to_do_and_what_was_done(db, dsn):
    endpoint_id = await past(db, 30, name="Acme")
    done = typed(*again(endpoint_id), dsn=dsn)
    assert (done.returncode, done.stderr) == (0, "")
    first, events, replay, last = done.stdout.splitlines()
    assert first == f"endpoint  {endpoint_id}, Acme, https://example.com/hook, active"
    assert events.startswith("events    20")
    assert events.endswith("Z, all types")
    assert replay == "replay    1; Ctrl-C stops it, dispatcher replay --resume 1 goes on"
    assert last == "replay 1 is finished: 30 deliveries of 30 events looked at"
    assert len(await deliveries(db, endpoint_id)) == 30


async def test_a_dry_run_counts_the_same_and_makes_nothing(db, dsn):
    endpoint_id = await past(db, 30)
    done = typed(*again(endpoint_id, "--dry-run", "--slice", "7"), dsn=dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "nothing was made; it would be 30 deliveries of 30 events looked at"
    code, preview = told(*again(endpoint_id, "--dry-run", "--type", "order.*", "--type", "invoice.void"), dsn=dsn)
    counted = {"looked": 30, "made": 30, "done": 1.0, "types": ["order.*", "invoice.void"], "only_dead": False}
    assert (code, preview | counted) == (0, preview)
    assert (preview["replay_id"], preview["dry_run"]) == (None, True)
    assert await db.fetchval("select count(*) from webhooks.deliveries") == 0
    assert told("replay", "--list", dsn=dsn) == (0, {"replays": []})


async def test_as_json_and_in_the_list(db, dsn):
    endpoint_id = await past(db, 3)
    code, done = told(*again(endpoint_id), dsn=dsn)
    made = {
        "replay_id": 1,
        "dry_run": False,
        "endpoint_id": endpoint_id,
        "looked": 3,
        "made": 3,
        "done": 1.0,
        "resume": None,
    }
    assert (code, done | made) == (0, done)
    assert done["finished_at"].endswith("Z")
    assert told("replay", "--list", dsn=dsn) == (0, {"replays": [done]})
    listed = typed("replay", "--list", dsn=dsn).stdout.splitlines()
    assert listed[0].split() == ["replay", "endpoint", "since", "until", "events", "made"]
    assert listed[1].split()[:2] == ["1", str(endpoint_id)]
    assert "finished" in listed[1]


async def test_a_paused_endpoint_is_said_to_hold_it(db, dsn):
    endpoint_id = await past(db, 3)
    await db.execute("select webhooks.pause($1)", endpoint_id)
    said = typed(*again(endpoint_id), dsn=dsn).stdout
    assert f"endpoint {endpoint_id} is paused: what is made is held until it is resumed" in said


# --- stopped


@asynccontextmanager
async def going(dsn: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dispatcher", *words, env=environment(dsn),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def made_some(db) -> bool:
    return bool(await db.fetchval("select sum(made) > 3 from webhooks.replays"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_when_told_to_stop_it_finishes_the_slice_and_says_how_to_go_on(db, dsn, number):
    endpoint_id = await past(db, 10_000)
    async with going(dsn, *again(endpoint_id, "--slice", "3")) as process:
        await eventually(lambda: made_some(db))
        process.send_signal(number)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    made = len(await deliveries(db, endpoint_id))
    assert (process.returncode, errors) == (1, b"")
    stopped, go_on = output.decode().splitlines()[-2:]
    assert stopped.startswith("replay 1 is stopped at ")
    assert f": {made:,} deliveries of {made:,} events looked at" in stopped
    assert 0 < made < 10_000
    assert go_on == "go on with: dispatcher replay --resume 1"
    code, done = told("replay", "--resume", "1", dsn=dsn)
    assert (code, done["made"], done["looked"]) == (0, 10_000, 10_000)
    await each_once(db, endpoint_id, 10_000)


async def each_once(db, endpoint_id: int, count: int) -> None:
    rows = await deliveries(db, endpoint_id)
    assert (len(rows), len({row["event_id"] for row in rows})) == (count, count)


async def test_killed_at_any_moment_it_goes_on_where_it_was(db, dsn):
    endpoint_id = await past(db, 10_000)
    words = again(endpoint_id, "--slice", "3")
    for _ in range(2):
        before = await db.fetchval("select coalesce(sum(made), 0) from webhooks.replays")
        async with going(dsn, *words) as process:
            await eventually(lambda at=before: db.fetchval("select sum(made) > $1 + 3 from webhooks.replays", at))
            process.kill()
        words = ("replay", "--resume", "1", "--slice", "3")
    code, done = told("replay", "--resume", "1", dsn=dsn)
    assert (code, done["made"]) == (0, 10_000)
    await each_once(db, endpoint_id, 10_000)


async def test_one_that_is_unfinished_stands_in_the_way_until_it_is_ended(db, dsn):
    endpoint_id = await past(db, 5)
    await db.execute("select webhooks.begin_replay($1, now() - interval '1 h')", endpoint_id)
    refused = typed(*again(endpoint_id), dsn=dsn)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "replay 1 of endpoint" in refused.stderr
    assert "dispatcher replay --end 1" in refused.stderr
    ended = typed("replay", "--end", "1", dsn=dsn)
    assert (ended.returncode, ended.stdout) == (
        0,
        "replay 1 is ended at 0%: 0 deliveries of 0 events looked at, which stay\n",
    )
    assert typed(*again(endpoint_id), dsn=dsn).returncode == 0
    assert typed("replay", "--resume", "1", dsn=dsn).stdout.splitlines()[-1].startswith("replay 1 is ended")


async def test_an_endpoint_disabled_meanwhile_stops_it_and_says_what_to_do(db, dsn):
    endpoint_id = await past(db, 10_000)
    async with going(dsn, *again(endpoint_id, "--slice", "3")) as process:
        await eventually(lambda: made_some(db))
        await db.execute("update webhooks.endpoints set state = 'disabled', state_reason = 'gone'")
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert errors.decode() == (
        f"dispatcher: endpoint {endpoint_id} is disabled: activate it first: it is sent nothing until then; "
        "then go on with: dispatcher replay --resume 1\n"
    )


async def test_a_database_that_goes_away_leaves_what_is_done_and_how_to_go_on(database, db, dsn):
    endpoint_id = await past(db, 10_000)
    async with (
        going(dsn, *again(endpoint_id, "--slice", "3")) as process,
        connected(database.superuser_dsn) as superuser,
    ):
        await eventually(lambda: made_some(db))
        await superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dispatcher: replay'"
        )
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert errors.decode().endswith("; what is done is kept; go on with: dispatcher replay --resume 1\n")
    assert told("replay", "--resume", "1", dsn=dsn)[1]["made"] == 10_000
    await each_once(db, endpoint_id, 10_000)


def test_where_nobody_watches_it_says_something_now_and_then(capsys):
    times = iter([0.0, EVERY_S / 2, EVERY_S, EVERY_S + 1, 2 * EVERY_S, 3 * EVERY_S])
    lines = Lines(Screen(), clock=lambda: next(times))
    for _ in range(4):
        lines.moved(Preview(1000, 1, 0.5))
    lines.moved(Preview(2000, 2, 1.0))
    assert capsys.readouterr().out.splitlines() == ["50%: 1 delivery of 1,000 events looked at"] * 2


# --- end to end


async def test_a_replayed_delivery_is_new_and_has_all_its_attempts(database, db, dsn, receiver):
    endpoint_id, secret = await subscribe(db, receiver.url())
    settings = {"endpoint__max_attempts": 2, "breaker__park_after": 1000}
    async with daemon(database.dsn, **settings):
        receiver.always(503)
        await insert_many(db, 3)
        await all_settled(db)
        assert await states(db) == ["dead"] * 3
        await insert_many(db, 2)
        receiver.always(200)
        await all_settled(db)
        receiver.will_answer(503, 503, 503)
        assert told(*again(endpoint_id, "--only-dead"), dsn=dsn)[1]["made"] in {3, 4, 5}
        await all_settled(db)
        assert told(*again(endpoint_id, "--only-dead"), dsn=dsn)[1]["made"] == 0
    assert all(request.verified(secret) for request in receiver.requests)
    last = (await attempts(db, endpoint_id))[-6:]
    assert {attempt[:2] for attempt in last} == {(1, "retrying"), (2, "delivered")}


# --- refusals


AGO = Instant.of("2h")
MISTYPED = {
    "nothing": (
        Asked(),
        Turn(),
        "--endpoint: it is missing: give --endpoint and --since, or --resume, --end or --list",
    ),
    "no since": (Asked(1), Turn(), "--since: it is missing"),
    "no endpoint": (Asked(since=AGO), Turn(), "--endpoint: it is missing"),
    "id too large": (Asked(2**63, AGO), Turn(), "--endpoint: 9223372036854775808 is no id"),
    "no pattern": (Asked(1, AGO, types=("a\udcff",)), Turn(), "--type: a pattern is words"),
    "two at once": (Asked(), Turn(resume=1, end=1), "--resume: it stands alone"),
    "resume with others": (Asked(since=AGO), Turn(resume=1), "--resume: it stands alone"),
    "list with others": (Asked(dry_run=True), Turn(show_list=True), "--list: it stands alone"),
}


@pytest.mark.parametrize(("asked", "turn", "said"), MISTYPED.values(), ids=MISTYPED)
def test_a_command_line_that_cannot_be_meant_is_refused(asked, turn, said):
    with pytest.raises(typer.BadParameter) as caught:
        refuse_contradiction(asked, turn)
    assert f"Invalid value for {said}" in caught.value.format_message()


@pytest.mark.parametrize("words", [["--endpoint", "1", "--since", "2m"], ["--resume", "1", "--list"]])
def test_what_is_mistyped_is_said_before_the_database_is_asked(words):
    done = typed("replay", *words, dsn="postgresql://nobody@localhost:1/nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; see: dispatcher replay --help\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--endpoint", "99", "--since", "1h", "--dry-run"], "there is no endpoint 99: webhooks.endpoint_status lists"),
        (["--endpoint", "1", "--since", "1h", "--type", "a b"], "types is empty or has a malformed pattern: at least"),
        (["--resume", "9"], "there is no replay 9: dispatcher replay --list has them"),
    ],
)
async def test_what_is_refused_is_said_in_the_words_of_the_schema(db, dsn, words, said):
    await past(db, 1)
    done = typed("replay", *words, dsn=dsn)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith(f"dispatcher: {said}")


async def test_roles_that_may_not_and_schemas_that_cannot_are_told_what_to_do(database, db):
    endpoint_id = await past(db, 1)
    nobody = typed(*again(endpoint_id), dsn=database.dsn_as("app_nobody"))
    assert (nobody.returncode, "grant webhooks_operator to app_nobody" in nobody.stderr) == (2, True)
    producer = typed(*again(endpoint_id), dsn=database.dsn_as("app_producer"))
    assert (producer.returncode, "permission denied" in producer.stderr) == (2, True)
    await db.execute("drop table webhooks.replays cascade")
    behind = typed(*again(endpoint_id), dsn=database.dsn)
    assert (behind.returncode, behind.stderr.endswith("lacks 0012 replays; run: dispatcher migrate\n")) == (2, True)
