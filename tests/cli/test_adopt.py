"""A copy of the database is not the original: whoever works on it has to say that it is theirs now."""

import pytest

from tests.support.daemon import daemon, refusal, starting
from tests.support.eventually import eventually
from tests.support.sql import all_settled, insert, insert_many, subscribe

WHOSE = "select installation from webhooks.holder"


async def worked_on_by(database, name: str) -> None:
    async with daemon(database.dsn, dispatch__installation=name) as running:
        running.terminate()
        assert await running.ends() == 0


async def test_the_first_run_makes_the_database_its_own(database, db):
    assert await db.fetchval(WHOSE) is None
    await worked_on_by(database, "production")
    assert await db.fetchval(WHOSE) == "production"


async def test_a_dispatcher_of_another_name_sends_nothing_and_says_what_to_do(database, db, receiver):
    await subscribe(db, receiver.url())
    await worked_on_by(database, "production")
    await insert(db)
    code, said = refusal(database.dsn, dispatch__installation="staging")
    assert code == 2
    assert said.startswith(
        "the database belongs to installation 'production', and dispatch.installation is 'staging'. If it is a copy, "
        "make it this one's own: dispatcher run --adopt"
    )
    assert (await db.fetchval(WHOSE), receiver.requests) == ("production", [])
    assert await db.fetchval("select count(*) from webhooks.inbox") == 1


async def test_adopted_it_sends_what_is_open(database, db, receiver):
    await subscribe(db, receiver.url())
    await worked_on_by(database, "production")
    await insert(db)
    async with starting(database.dsn, arguments=["--adopt"], dispatch__installation="staging") as running:
        adopted = await running.says("installation.adopted")
        assert (adopted["was"], adopted["installation"]) == ("production", "staging")
        await all_settled(db)
    assert len(receiver.requests) == 1
    assert await db.fetchval(WHOSE) == "staging"


async def test_what_the_original_sends_itself_is_dropped_with_a_recorded_ending(database, db, receiver):
    await subscribe(db, receiver.url())
    async with daemon(database.dsn, dispatch__installation="production"):
        receiver.always(503)
        await insert(db)
        await all_attempted(db)
    await insert(db)  # not even fanned out
    instant = await db.fetchval("select clock_timestamp() + interval '1 ms'")  # ids count in milliseconds
    await eventually(lambda: db.fetchval("select clock_timestamp() > $1::timestamptz + interval '1 ms'", instant))
    receiver.requests.clear()
    receiver.always(200)
    later = await insert(db)
    arguments = ["--adopt", "--discard-before", instant.isoformat()]
    async with starting(database.dsn, arguments=arguments, dispatch__installation="staging") as running:
        assert (await running.says("delivery.discarded"))["deliveries"] == 2
        await all_settled(db)
    assert [request.webhook_id for request in receiver.requests] == [f"evt_{later.hex}"]
    assert await db.fetchval("select count(*) from webhooks.attempts where outcome = 'cancelled'") == 1
    assert await db.fetchval("select count(*) from webhooks.event_status where matched is null") == 0


async def all_attempted(db) -> None:
    await eventually(lambda: db.fetchval("select count(*) > 0 from webhooks.attempts"))


async def test_a_unit_that_says_adopt_at_every_start_discards_once(database, db, receiver):
    await subscribe(db, receiver.url())
    await worked_on_by(database, "staging")
    await insert_many(db, 3)
    instant = await db.fetchval("select clock_timestamp()")
    arguments = ["--adopt", "--discard-before", instant.isoformat()]
    async with starting(database.dsn, arguments=arguments, dispatch__installation="staging") as running:
        await running.says("work.taken")
        await all_settled(db)
        assert running.said("delivery.spared")
        assert not running.said("delivery.discarded")
    assert len(receiver.requests) == 3


async def test_what_nobody_had_named_yet_is_discarded_too(database, db, receiver):
    """A copy of a database from before there were names."""
    await subscribe(db, receiver.url())
    await insert_many(db, 3)
    instant = await db.fetchval("select clock_timestamp() + interval '1 ms'")
    await eventually(lambda: db.fetchval("select clock_timestamp() > $1::timestamptz + interval '1 ms'", instant))
    arguments = ["--adopt", "--discard-before", instant.isoformat()]
    async with starting(database.dsn, arguments=arguments, dispatch__installation="staging") as running:
        assert (await running.says("delivery.discarded"))["deliveries"] == 3
        await running.says("work.taken")
    assert receiver.requests == []


async def test_beside_the_originals_own_dispatcher_nothing_is_adopted(database, db):
    """No copy, but a wrong DSN: whoever works here must not lose the work when it restarts."""
    async with daemon(database.dsn, dispatch__installation="production"):
        code, said = refusal(database.dsn, arguments=["--adopt"], dispatch__installation="staging")
    assert code == 2
    assert said == "installation 'production' is at work on this database: it is no copy; look at database.dsn"
    assert await db.fetchval(WHOSE) == "production"


async def test_a_standby_of_another_name_would_be_none(database):
    async with daemon(database.dsn, dispatch__installation="production"):
        code, said = refusal(database.dsn, dispatch__installation="staging")
    assert code == 2
    assert said.startswith("the database belongs to installation 'production'")


@pytest.mark.parametrize("given", ["yesterday", "2026-01-01T00:00:00", "9999-01-01T00:00:00Z", ""])
def test_an_instant_that_is_none_is_refused(given):
    code, said = refusal("", arguments=["--adopt", "--discard-before", given])
    assert code == 2
    assert said == (
        f"--discard-before is {given!r}: it must be a past instant with its offset, such as 2026-11-21T05:00:00Z"
    )


def test_discarding_goes_with_adopting():
    code, said = refusal("", arguments=["--discard-before", "2026-01-01T00:00:00Z"])
    assert (code, said) == (2, "--discard-before goes with --adopt: it drops what the original of a copy sends itself")
