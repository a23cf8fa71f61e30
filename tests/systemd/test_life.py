"""The unit under a systemd: its start, its faults, its end."""

import asyncio
import json
import time

import pytest

from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, states, subscribe

WATCHDOG_S = 3
"""As the tests' drop-in has it."""


async def delivers(db, receiver) -> None:
    """One more event arrives."""
    before = len(receiver.at("/fine"))
    await subscribe(db, receiver.url("/fine"), types="{still.fine}")
    await insert(db, "still.fine")
    await eventually(lambda: len(receiver.at("/fine")) > before, 20)


async def fed(dispatcher) -> float:
    """When the watchdog was fed last."""
    return int(await dispatcher.show("WatchdogTimestampMonotonic")) / 1e6


async def test_a_start_ends_when_it_is_ready_and_it_delivers(dispatcher, appdb, receiver):
    await dispatcher.start()
    assert await dispatcher.show("ActiveState") == "active"
    await dispatcher.status_is("Holding the work")
    await delivers(appdb, receiver)
    assert await dispatcher.restarts() == 0


async def test_a_database_that_is_not_there_yet_is_a_status_and_no_failure(
    machine, dispatcher, postgres, app, receiver
):
    await machine.run("systemctl", "stop", "postgresql")
    await dispatcher.start()
    await dispatcher.status_is("Waiting for the database")
    await machine.run("systemctl", "start", "postgresql")
    await dispatcher.status_is("Holding the work")
    async with postgres.connected(app) as db:
        await delivers(db, receiver)


async def test_after_kill_9_what_was_in_flight_is_sent_again_within_seconds(dispatcher, appdb, receiver):
    await subscribe(appdb, receiver.url("/slow"))
    receiver.hang("/slow")
    await dispatcher.start()
    await insert(appdb)
    await eventually(lambda: receiver.in_flight("/slow"))
    await dispatcher.kill("KILL")
    killed = time.monotonic()
    receiver.let_go("/slow")
    await eventually(lambda: len(receiver.at("/slow")) == 2)
    print(f"first recovered delivery {receiver.at('/slow')[1].at - killed:.2f} s after kill -9")  # noqa: T201 the figure
    await all_settled(appdb)
    assert await dispatcher.restarts() == 1


async def test_an_outage_longer_than_the_watchdog_waits_restarts_nothing(
    machine, dispatcher, postgres, app, receiver
):  # fmt: skip
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    pid = await dispatcher.pid()
    await machine.run("systemctl", "stop", "postgresql")
    said = await dispatcher.status_is("Waiting for the database")
    assert len(said) > len("Waiting for the database: "), "it does not say why"
    began = await fed(dispatcher)

    async def outlasted() -> bool:
        return await fed(dispatcher) - began > 2 * WATCHDOG_S

    await eventually(outlasted, 10 * WATCHDOG_S)
    await machine.run("systemctl", "start", "postgresql")
    await dispatcher.status_is("Holding the work", 30)
    assert await dispatcher.pid() == pid
    assert await dispatcher.restarts() == 0
    async with postgres.connected(app) as db:
        await delivers(db, receiver)


async def test_a_process_that_is_stuck_is_restarted_and_leaves_a_traceback(dispatcher, appdb, receiver):
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    await dispatcher.kill("STOP")

    async def restarted() -> bool:
        return await dispatcher.restarts() == 1

    await eventually(restarted, 10 * WATCHDOG_S)
    await dispatcher.status_is("Holding the work")
    await delivers(appdb, receiver)
    journal = "\n".join(await dispatcher.journal())
    assert "Watchdog timeout" in journal
    assert "Fatal Python error: Aborted" in journal
    assert "dispatcher/" in journal.partition("Fatal Python error")[2], "no frame of ours"


TELLING = "/opt/dispatcher/lib/python3*/site-packages/dispatcher/daemon/telling.py"


async def test_a_loop_that_is_stuck_is_restarted_though_the_others_turn(machine, dispatcher, appdb, receiver):
    """A step that waits for a lock, five seconds, stands for one that never returns: here one second is too long."""
    await machine.sh(f"cp -p {TELLING} /tmp/telling.py; sed -i 's/^STUCK_S = .*/STUCK_S = 1.0/' {TELLING}")
    try:
        await dispatcher.start()
        await dispatcher.status_is("Holding the work")

        async def restarted() -> bool:
            return await dispatcher.restarts() > 0

        async with appdb.transaction():
            await appdb.execute("lock table webhooks.changes in access exclusive mode")
            await eventually(restarted, 20 * WATCHDOG_S)
    finally:
        await machine.sh(f"cp -p /tmp/telling.py {TELLING}")
    stuck = await dispatcher.says("loop.stuck")
    assert stuck["loop"] == "changes"
    assert "Watchdog timeout" in "\n".join(await dispatcher.journal())
    await dispatcher.status_is("Holding the work")
    await delivers(appdb, receiver)


async def test_a_reload_takes_what_is_new_and_refuses_what_is_wrong(
    machine, dispatcher, postgres, app, appdb, receiver
):
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    pid = await dispatcher.pid()

    dispatcher.configure(postgres.peer_dsn(app), endpoint="timeout_s = 5\n")
    await machine.run("systemctl", "reload", "dispatcher")
    assert (await dispatcher.says("configuration.reloaded"))["changed"] == ["endpoint.timeout_s"]

    dispatcher.configure(postgres.peer_dsn(app), endpoint="timeout_s = 500\n")
    await machine.run("systemctl", "reload", "dispatcher")
    (problem,) = (await dispatcher.says("configuration.refused"))["problems"]
    assert "endpoint.timeout_s" in problem
    await dispatcher.status_is("Holding the work")
    await delivers(appdb, receiver)
    assert await dispatcher.show("ActiveState") == "active"
    assert await dispatcher.pid() == pid


async def test_a_stop_lets_what_is_in_flight_end_and_writes_it(machine, dispatcher, appdb, receiver):
    await subscribe(appdb, receiver.url("/slow"))
    receiver.hang("/slow")
    await dispatcher.start()
    await insert(appdb)
    await eventually(lambda: receiver.in_flight("/slow"))
    async with asyncio.TaskGroup() as tasks:
        stopping = tasks.create_task(machine.run("systemctl", "stop", "dispatcher"))
        await dispatcher.status_is("Draining: 1 in flight")
        assert not stopping.done()
        receiver.let_go("/slow")
    assert await states(appdb) == ["delivered"]
    assert len(receiver.requests) == 1
    assert await dispatcher.show("Result") == "success"
    assert await dispatcher.show("ExecMainStatus") == "0"


async def test_every_line_of_the_log_is_in_the_journal_as_it_was_said(dispatcher, appdb, receiver):
    await subscribe(appdb, receiver.url("/odd"), types="{odd.*}", tenant='"tenant" \t\\ ☃')
    await dispatcher.start()
    for number in range(50):
        await insert(appdb, f"odd.number-{number}", tenant='"tenant" \t\\ ☃')
    await dispatcher.says("attempt.settled", times=50)
    settled = await dispatcher.said("attempt.settled")
    assert {line["event_type"] for line in settled} == {f"odd.number-{number}" for number in range(50)}
    assert {line["tenant"] for line in settled} == {'"tenant" \t\\ ☃'}
    fields = [json.loads(line) for line in await dispatcher.journal("json")]
    ours = [entry for entry in fields if str(entry["MESSAGE"]).startswith("{")]
    assert {entry["SYSLOG_IDENTIFIER"] for entry in ours} == {"dispatcher"}


@pytest.mark.parametrize("name", ["LogRateLimitIntervalUSec", "StartLimitIntervalUSec"])
async def test_nothing_is_dropped_or_given_up_for_being_too_much(dispatcher, name):
    assert await dispatcher.show(name) == "0"
