"""What the log says of attempts, endpoints, and a database that is away."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from dispatcher.errors import ConfigError, DatabaseAway, StatementFailed
from dispatcher.pipeline.loop import Outage, Stall, keep
from dispatcher.pipeline.wakeup import Wakeup
from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, subscribe


async def test_the_log_says_which_attempt_came_too_late(running, db, receiver):
    await subscribe(db, receiver.url())
    receiver.hang()
    with capture_logs() as said:
        async with running():
            await insert(db)
            await eventually(receiver.in_flight)
            await db.execute("select webhooks.retry(id) from webhooks.deliveries")
            receiver.always(500)
            receiver.let_go()
            await eventually(lambda: [entry for entry in said if entry["event"] == "attempt.superseded"])
            told = [entry["event"] for entry in said if entry["event"].startswith("attempt.")]
            assert told[0] == "attempt.superseded"
            receiver.always(200)
            await all_settled(db)


async def test_giving_up_is_a_warning(running, db, receiver):
    await subscribe(db, receiver.url(), max_attempts=1)
    receiver.will_answer(500)
    with capture_logs() as said:
        async with running():
            await insert(db)
            await all_settled(db)
    assert [(e["outcome"], e["log_level"]) for e in said if e["event"] == "attempt.settled"] == [("dead", "warning")]


async def test_the_next_attempt_of_a_parked_endpoint_is_its_next_probe(running, db, receiver):
    await subscribe(db, receiver.url())
    receiver.always(500)
    with capture_logs() as said:
        async with running(breaker__park_after=1, breaker__park_base_s=600, breaker__park_cap_s=600):
            await insert(db)
            await eventually(lambda: [entry for entry in said if entry["event"] == "endpoint.parked"])
    (settled,) = [entry for entry in said if entry["event"] == "attempt.settled"]
    assert datetime.fromisoformat(settled["next_at"]) > datetime.now(UTC) + timedelta(seconds=500)
    (parked,) = [entry for entry in said if entry["event"] == "endpoint.parked"]
    assert (parked["reason"], parked["log_level"]) == ("http_500", "warning")


async def test_sessions_that_end_are_one_loss_and_one_return(running, db, receiver):
    await subscribe(db, receiver.url())
    with capture_logs() as said:
        async with running():
            await db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and application_name like 'dispatcher: %'"
            )
            await eventually(lambda: [entry for entry in said if entry["event"] == "listener.returned"])
            await insert(db)
            await all_settled(db)
    told = [entry["event"] for entry in said if entry["log_level"] != "debug"]
    assert told == [
        "dispatcher.started", "work.taken", "listener.lost", "listener.returned", "attempt.settled",
        "dispatcher.draining", "dispatcher.stopped",
    ]  # fmt: skip


def test_an_outage_is_said_once_for_each_reason_and_again_every_minute_until_it_is_over():
    instants = iter([1.0, 2.0, 3.0, 62.9, 63.0, 63.0, 64.0])
    outage = Outage(lambda: next(instants))
    with capture_logs() as said:
        outage.over()
        for note in ("refused", "refused", "starting up", "starting up", "starting up"):
            outage.failed(DatabaseAway(note))
        outage.failed(ConfigError("a wrong password"))
        outage.over()
        outage.over()
    assert [(e["event"], e["log_level"], e["waited_s"], e.get("note")) for e in said] == [
        ("database.awaited", "warning", 0.0, "refused"),
        ("database.awaited", "warning", 2.0, "starting up"),
        ("database.awaited", "warning", 62.0, "starting up"),
        ("database.awaited", "error", 62.0, "a wrong password"),
        ("database.returned", "info", 63.0, None),
    ]


def test_a_stage_that_only_lost_its_connection_once_says_nothing():
    stall = Stall("settle", itertools.count().__next__)
    with capture_logs() as said:
        for _ in range(2):
            stall.failed(DatabaseAway("ended"))
            stall.over()
        stall.failed(DatabaseAway("ended"))
        for _ in range(3):
            stall.failed(DatabaseAway("refused"))
        stall.over()
        stall.failed(StatementFailed("a bug"))
        stall.over()
    assert [(e["event"], e.get("note")) for e in said] == [
        ("loop.stalled", "refused"), ("loop.resumed", None), ("loop.stalled", "a bug"), ("loop.resumed", None),
    ]  # fmt: skip


def test_that_the_database_is_away_is_not_for_a_stage_to_say():
    """However often it fails before the listener has asked the database itself, and while that waits for it."""
    answers = iter([3, 3, 4, 4, None, None, 4, 5, 6])
    stall = Stall("vacuum", lambda: next(answers))
    with capture_logs() as said:
        for failure in range(9):
            stall.failed(DatabaseAway(f"refused {failure}"))
    assert [(e["event"], e["note"]) for e in said] == [("loop.stalled", "refused 8")]


async def test_a_step_that_was_not_taken_ends_no_trouble():
    steps = iter([StatementFailed("locked"), None, StatementFailed("locked"), 0])

    async def step() -> int | None:
        found = next(steps, 0)
        if isinstance(found, Exception):
            raise found
        return found

    with capture_logs() as said:
        task = asyncio.create_task(keep(step, Wakeup(), 0.001, Stall("refill", lambda: 0)))
        await eventually(lambda: [entry for entry in said if entry["event"] == "loop.resumed"])
        task.cancel()
    assert [(e["event"], e.get("failures")) for e in said] == [("loop.stalled", None), ("loop.resumed", 2)]
