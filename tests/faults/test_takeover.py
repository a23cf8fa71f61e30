"""Two dispatchers of one database: one holds the work, the other stands by, and takes over when the first is gone."""

import time

from tests.support.daemon import Daemon, starting
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.sql import attempts, insert, subscribe
from tests.support.trial import DUPLICATES, SETTINGS, Outage, leaves_well, trial

QUICK = {"endpoint__timeout_s": 2}
"""An ordered endpoint waits for so long after a takeover from one that may live."""
PATIENT = {"endpoint__timeout_s": 7}
CONNECTIONS = "select count(*) from pg_stat_activity where application_name like 'dispatcher: %'"


async def takes_over(second: Daemon, since: float, what: str) -> None:
    """A second is the aim, and printed; asserted with room for a machine that has other things to do."""
    await second.says("work.taken")
    took_s = time.monotonic() - since
    print(f"{what}: taken over in {took_s:.2f} s")
    assert took_s < 3


async def test_a_second_one_stands_by_on_one_connection_and_says_who_holds_the_work(root, database, receiver):
    async with trial(database, receiver) as running:
        await running.goes_on(100)
        ours = await root.fetchval(CONNECTIONS)
        second = await running.standby()
        holder = second.said("work.awaited")[0]["holder"]
        assert f"dispatcher: holder pid {running.daemon.process.pid} on " in holder
        assert "; role app_owner" in holder
        watching = Outage(second)
        assert await root.fetchval(CONNECTIONS) == ours + 1
        await running.goes_on(100)
        await eventually(lambda: watching.lasted_s > 2)
        watching.has_not_spun()
        assert [line["event"] for line in second.log] == ["dispatcher.started", "work.awaited"]
        await leaves_well(second)


async def test_a_standby_takes_over_within_a_second_of_kill_9(database, receiver):
    async with trial(database, receiver, **QUICK) as running:
        second = await running.standby(**QUICK)
        killed_at = time.monotonic()
        running.daemon.kill()
        await takes_over(second, killed_at, "kill -9")
        running.daemon, running.duplicates = second, DUPLICATES
        await running.goes_on(100)


async def test_a_holder_told_to_leave_hands_over_and_nothing_comes_twice(database, receiver):
    async with trial(database, receiver) as running:
        second = await running.standby()
        told_at = time.monotonic()
        await leaves_well(running.daemon)
        await takes_over(second, told_at, "SIGTERM")
        running.daemon = second
        await running.goes_on(100)


async def test_a_standby_is_killed_and_nobody_minds(database, receiver):
    async with trial(database, receiver) as running:
        second = await running.standby()
        known = running.outage()
        second.kill()
        await second.ends()
        await running.goes_on(100)
        assert not known.told


async def test_a_server_that_comes_back_finds_one_holder_whichever_is_quicker(server, database, receiver):
    async with trial(database, receiver, **QUICK) as running:
        second = await running.standby(**QUICK)
        outage = running.outage()
        await server.restart()
        await outage.told_of("listener.lost")
        holder = await eventually(lambda: next((one for one in (running.daemon, second) if holds(one)), None))
        other = running.daemon if holder is second else second
        running.daemon, running.crowded = holder, True
        running.duplicates = DUPLICATES if holder is second else 0
        await running.goes_on(100)
        assert not holds(other)
        await leaves_well(other)


def holds(daemon: Daemon) -> bool:
    words = {"work.taken": True, "listener.returned": True, "listener.lost": False, "work.awaited": False}
    return next((words[line["event"]] for line in reversed(daemon.log) if line["event"] in words), False)


async def test_who_left_in_order_is_not_waited_for_and_who_died_is_for_one_deadline(database, db, receiver):
    """It may only be cut off, and a request of its own under way: with `ordered` there is never a second one."""
    await subscribe(db, receiver.url(), ordered=True)
    async with starting(database.dsn, **SETTINGS | PATIENT) as first:
        await first.says("work.taken")
        await insert(db)
        await eventually(lambda: len(receiver.requests) == 1)
        await leaves_well(first)
    async with starting(database.dsn, **SETTINGS | PATIENT) as second:
        await second.says("work.taken")
        taken_at = time.monotonic()
        await insert(db)
        await eventually(lambda: len(receiver.requests) == 2)
        assert receiver.requests[-1].at - taken_at < 4
        await eventually(lambda: second.said("attempt.settled"))
        second.kill()
    async with starting(database.dsn, **SETTINGS | PATIENT) as third:
        await third.says("work.taken")
        taken_at = time.monotonic()
        await insert(db)
        await eventually(lambda: len(receiver.requests) == 3)
        assert receiver.requests[-1].at - taken_at > 4
        await eventually(lambda: len(third.said("attempt.settled")) == 1)
    assert await attempts(db) == [(1, "delivered", None, 200)] * 3


async def test_what_a_killed_one_had_in_flight_comes_again_soon_after_its_restart(database, db, receiver):
    receiver.hang()
    await subscribe(db, receiver.url())
    async with starting(database.dsn, **SETTINGS) as first:
        await insert(db)
        await eventually(lambda: receiver.in_flight() == 1)
        receiver.let_go()
        first.kill()
        killed_at = time.monotonic()
    async with starting(database.dsn, **SETTINGS) as second:
        await second.says("dispatcher.started")  # Python's imports take long on a busy machine
        started_at = time.monotonic()
        await eventually(lambda: len(receiver.requests) == 2)
        print(f"kill -9 to the first recovered request: {receiver.requests[-1].at - killed_at:.2f} s")
        assert receiver.requests[-1].at - started_at < 5
        await eventually(lambda: second.said("attempt.settled"))
    assert await attempts(db) == [(1, "delivered", None, 200)]


async def test_whatever_else_holds_the_lock_is_named(database, db, receiver):
    await subscribe(db, receiver.url())
    async with connected(database.dsn_as("app_operator")) as psql:
        await psql.execute("set application_name = 'psql'")
        await psql.execute("select pg_advisory_lock(hashtextextended('webhooks.dispatcher', 0))")
        pid = psql.get_server_pid()
        async with starting(database.dsn, **SETTINGS) as daemon:
            assert (await daemon.says("work.awaited"))["holder"] == f"psql; role app_operator, backend pid {pid}"
            await psql.execute("select pg_advisory_unlock_all()")
            await takes_over(daemon, time.monotonic(), "let go of by psql")
            await insert(db)
            await eventually(lambda: len(receiver.requests) == 1, 2)
            await eventually(lambda: daemon.said("attempt.settled"))
            await leaves_well(daemon)
