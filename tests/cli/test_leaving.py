"""`dispatcher run` at its end: what is in flight, what is written, what a private database leaves."""

from tests.support.daemon import daemon, refusal, starting
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.sql import all_settled, attempts, insert, states, subscribe

SESSIONS = """
select count(*) from pg_stat_activity
 where application_name like 'dispatcher:%' and datname = current_database()
"""


# How it leaves


async def test_what_is_in_flight_at_sigterm_finishes_and_is_written(database, db, receiver):
    receiver.hang()
    await subscribe(db, receiver.url())
    async with starting(database.dsn) as running:
        await insert(db)
        await eventually(lambda: receiver.in_flight() == 1)
        running.terminate()
        await running.says("dispatcher.draining")
        await insert(db)
        assert running.process.returncode is None
        receiver.let_go()
        assert await running.ends() == 0
        assert await running.process.stderr.read() == b""
    assert running.said("dispatcher.draining")[0]["in_flight"] == 1
    assert running.log[-1]["event"] == "dispatcher.stopped"
    assert await attempts(db) == [(1, "delivered", None, 200)]
    assert len(receiver.requests) == 1, "nothing new was started"


async def test_a_second_sigterm_leaves_at_once_and_loses_nothing(database, db, receiver):
    receiver.hang()
    await subscribe(db, receiver.url())
    async with starting(database.dsn) as running:
        await insert(db)
        await eventually(lambda: receiver.in_flight() == 1)
        running.terminate()
        await running.says("dispatcher.draining")
        running.terminate()
        assert await running.ends(5) == 1
    assert running.said("dispatcher.abandoned")
    assert await attempts(db) == []
    assert await states(db) == ["pending"]
    receiver.let_go()
    async with daemon(database.dsn):
        await all_settled(db)
    assert await attempts(db) == [(1, "delivered", None, 200)]


async def test_a_drain_that_takes_too_long_is_cut_off_and_sent_again(database, db, receiver):
    receiver.hang()
    await subscribe(db, receiver.url())
    async with daemon(database.dsn, dispatch__drain_s="0.2") as running:
        await insert(db)
        await eventually(lambda: receiver.in_flight() == 1)
        running.terminate()
        assert await running.ends() == 0
    assert running.said("attempt.cut_off")[0]["attempts"] == 1
    assert await states(db) == ["pending"]
    assert await attempts(db) == []


async def test_sigterm_with_nothing_to_do_is_a_quick_goodbye(database, db):
    async with daemon(database.dsn) as running:
        running.terminate()
        assert await running.ends(10) == 0

    async def nobody() -> bool:
        return await db.fetchval(SESSIONS) == 0

    await eventually(nobody)


# A private database


async def test_embedded_is_a_database_for_as_long_as_it_runs(receiver, room, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(room))
    async with daemon("embedded") as running:
        embedded = running.said("database.embedded")[0]
        assert "it is removed at the end" in embedded["note"]
        async with connected(embedded["dsn"]) as db:
            _, secret = await subscribe(db, receiver.url())
            await insert(db)
            await all_settled(db)
        assert receiver.requests[0].verified(secret)
        running.terminate()
        assert await running.ends() == 0
    assert not list(room.iterdir())


async def test_an_embedded_database_in_a_folder_is_kept(receiver, room, monkeypatch):
    (temporary := room / "tmp").mkdir(mode=0o755)
    monkeypatch.setenv("TMPDIR", str(temporary))
    for expected in (1, 2):
        async with daemon(f"embedded:{room / 'data'}") as running:
            embedded = running.said("database.embedded")[0]
            assert embedded["folder"] == str(room / "data")
            async with connected(embedded["dsn"]) as db:
                if expected == 1:
                    await subscribe(db, receiver.url())
                await insert(db)
                await all_settled(db)
                assert await db.fetchval("select count(*) from webhooks.events") == expected
            running.terminate()
            assert await running.ends() == 0
    assert len(receiver.requests) == 2
    assert not list(temporary.iterdir())


async def test_kill_9_leaves_nothing_of_an_embedded_database(room, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(room))
    async with daemon("embedded") as running:
        assert list(room.iterdir())
        running.kill()
        await running.ends()
    await eventually(lambda: not list(room.iterdir()), 20)


async def test_an_embedded_database_in_a_folder_of_something_else_is_refused_in_one_line(room):
    (room / "data").mkdir()
    (room / "data" / "thesis.txt").write_text("years of work")
    code, said = refusal(f"embedded:{room / 'data'}")
    assert code == 2
    assert str(room / "data") in said
