"""A replay that is stopped, killed or cut off goes on where it was: every event once."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.commands import told, typed
from tests.support.daemon import environment
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.replaying import again, past
from tests.support.sql import deliveries


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


async def test_when_told_to_stop_it_finishes_the_slice_and_says_how_to_go_on(db, operator_dsn):
    endpoint_id = await past(db, 10_000)
    async with going(operator_dsn, *again(endpoint_id, "--slice", "3")) as process:
        await eventually(lambda: made_some(db))
        process.send_signal(signal.SIGINT)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    made = len(await deliveries(db, endpoint_id))
    assert (process.returncode, errors) == (1, b"")
    stopped, go_on = output.decode().splitlines()[-2:]
    assert stopped.startswith("replay 1 is stopped at ")
    assert f": {made:,} deliveries of {made:,} events looked at" in stopped
    assert 0 < made < 10_000
    assert go_on == "go on with: dispatcher replay --resume 1"
    code, done = told("replay", "--resume", "1", dsn=operator_dsn)
    assert (code, done["made"], done["looked"]) == (0, 10_000, 10_000)
    await each_once(db, endpoint_id, 10_000)


def has_taken_its_signals(pid: int) -> bool:
    pending = re.findall(r"^S(?:ig|hd)Pnd:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return len(pending) == 2 and not any(int(bits, 16) for bits in pending)


async def test_told_twice_it_leaves_the_slice_in_hand(database, db, operator_dsn):
    endpoint_id = await past(db, 5)
    await db.execute("select webhooks.begin_replay($1, now() - interval '1 h')", endpoint_id)
    async with connected(database.dsn) as holding, going(operator_dsn, "replay", "--resume", "1") as process:
        await holding.execute("begin")
        await holding.execute("select from webhooks.replays for update")
        await eventually(lambda: db.fetchval("select exists (select from pg_locks where not granted)"))

        process.send_signal(signal.SIGINT)
        await eventually(lambda: has_taken_its_signals(process.pid))
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert errors.decode() == (
        "dispatcher: left in the middle of a slice, which is done as a whole or not at all; what is done is kept; "
        "go on with: dispatcher replay --resume 1\n"
    )
    assert told("replay", "--resume", "1", dsn=operator_dsn)[1]["made"] == 5
    await each_once(db, endpoint_id, 5)


async def each_once(db, endpoint_id: int, count: int) -> None:
    rows = await deliveries(db, endpoint_id)
    assert (len(rows), len({row["event_id"] for row in rows})) == (count, count)


async def test_killed_at_any_moment_it_goes_on_where_it_was(db, operator_dsn):
    endpoint_id = await past(db, 10_000)
    words = again(endpoint_id, "--slice", "3")
    for _ in range(2):
        before = await db.fetchval("select coalesce(sum(made), 0) from webhooks.replays")
        async with going(operator_dsn, *words) as process:
            await eventually(lambda at=before: db.fetchval("select sum(made) > $1 + 3 from webhooks.replays", at))
            process.kill()
        words = ("replay", "--resume", "1", "--slice", "3")
    code, done = told("replay", "--resume", "1", dsn=operator_dsn)
    assert (code, done["made"]) == (0, 10_000)
    await each_once(db, endpoint_id, 10_000)


async def test_one_that_is_unfinished_stands_in_the_way_until_it_is_ended(db, operator_dsn):
    endpoint_id = await past(db, 5)
    await db.execute("select webhooks.begin_replay($1, now() - interval '1 h')", endpoint_id)
    refused = typed(*again(endpoint_id), dsn=operator_dsn)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "replay 1 of endpoint" in refused.stderr
    assert "dispatcher replay --end 1" in refused.stderr
    ended = typed("replay", "--end", "1", dsn=operator_dsn)
    assert (ended.returncode, ended.stdout) == (
        0,
        "replay 1 is ended at 0%: 0 deliveries of 0 events looked at, which stay\n",
    )
    assert typed(*again(endpoint_id), dsn=operator_dsn).returncode == 0
    assert typed("replay", "--resume", "1", dsn=operator_dsn).stdout.splitlines()[-1].startswith("replay 1 is ended")


async def test_an_endpoint_disabled_meanwhile_stops_it_and_says_what_to_do(db, operator_dsn):
    endpoint_id = await past(db, 10_000)
    async with going(operator_dsn, *again(endpoint_id, "--slice", "3")) as process:
        await eventually(lambda: made_some(db))
        await db.execute("update webhooks.endpoints set state = 'disabled', state_reason = 'gone'")
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert errors.decode() == (
        f"dispatcher: endpoint {endpoint_id} is disabled: activate it first: it is sent nothing until then; "
        "then go on with: dispatcher replay --resume 1\n"
    )


async def test_a_database_that_goes_away_leaves_what_is_done_and_how_to_go_on(database, db, operator_dsn):
    endpoint_id = await past(db, 10_000)
    async with (
        going(operator_dsn, *again(endpoint_id, "--slice", "3")) as process,
        connected(database.superuser_dsn) as superuser,
    ):
        await eventually(lambda: made_some(db))
        await superuser.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'dispatcher: replay'"
        )
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert errors.decode().endswith("; what is done is kept; go on with: dispatcher replay --resume 1\n")
    assert told("replay", "--resume", "1", dsn=operator_dsn)[1]["made"] == 10_000
    await each_once(db, endpoint_id, 10_000)
