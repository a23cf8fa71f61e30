"""Replays slice by slice: what they make, and that nothing is made twice or left out, whoever goes on with them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from dispatcher.store import replays
from dispatcher.store.replays import Pace, Wanted, begin, carry_on, end, listed, preview
from dispatcher.store.session import UPKEEP, Login, Session
from tests.support.days import ago, id_at
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.replaying import LONG_AGO, everything, replayed
from tests.support.sql import deliveries, insert, insert_many, subscribe
from tests.support.stages import fan_out, settle

URL = "https://example.com/hook"


async def again(db, endpoint_id: int) -> list[object]:
    """The events of what is open for it, in the order of its lane; nothing is open from here on."""
    rows = await db.fetch(
        "delete from webhooks.deliveries where endpoint_id = $1 returning event_id, due_at, id, attempts, test",
        endpoint_id,
    )
    assert all((row["attempts"], row["test"]) == (0, False) for row in rows)
    return [row["event_id"] for row in sorted(rows, key=lambda row: (row["due_at"], row["id"]))]


async def of_every_kind(db, session) -> int:
    """An endpoint with filters, and events it is to get, or not, for each of the reasons there are."""
    endpoint_id, _ = await subscribe(db, URL, "{order.*,invoice.paid}", tenant="acme", filter="$.n > 1")
    await db.execute("insert into webhooks.subscriptions (endpoint_id, pattern) values ($1, 'order.paid')", endpoint_id)
    for n in range(4):
        for type_ in ("order.paid", "order.shipped", "invoice.paid", "invoice.void", "order"):
            for tenant in ("acme", "globex", ""):
                await insert(db, type_, f'{{"n": {n}}}', tenant=tenant)
    await insert(db, "order.shipped", '{"n": 2, "text": "\\u0000"}', tenant="acme")
    await db.execute("select webhooks.ping($1)", endpoint_id)
    await fan_out(session)
    await insert(db, "order.paid", '{"n": 3}', tenant="acme")  # which waits in the inbox
    await db.execute("delete from webhooks.deliveries")
    return endpoint_id


@pytest.mark.parametrize(
    "types", [("*",), ("order.*",), ("order.paid", "order"), ("webhook.*",), ("invoice.paid", "*")]
)
@pytest.mark.parametrize("scan", [1, 7, 1000])
async def test_slices_make_what_one_statement_makes(db, session, operator, types, scan):
    endpoint_id = await of_every_kind(db, session)
    count = await db.fetchval("select webhooks.replay($1, $2, now(), $3)", endpoint_id, LONG_AGO, list(types))
    expected = await again(db, endpoint_id)
    done = await replayed(operator, everything(endpoint_id, types=types), scan)
    assert await again(db, endpoint_id) == expected
    assert (done.made, done.looked, done.done, done.is_finished) == (count, 63, 1.0, True)


async def test_a_preview_counts_the_same_and_makes_nothing(db, session, operator):
    endpoint_id = await of_every_kind(db, session)
    seen = [each async for each in preview(operator, everything(endpoint_id), Pace(10))]
    assert [each.looked for each in seen] == [10, 20, 30, 40, 50, 60, 63]
    assert [each.is_whole for each in seen] == [False] * 6 + [True]
    assert await again(db, endpoint_id) == []
    assert await listed(operator) == []
    assert (await replayed(operator, everything(endpoint_id))).made == seen[-1].made > 0


@pytest.mark.parametrize(("since", "until", "count"), [(150, 90, 1), (150, 0, 2), (240, 90, 2), (30, 0, 0)])
async def test_a_replay_looks_from_since_until_until(db, session, operator, since, until, count):
    endpoint_id, _ = await subscribe(db, URL)
    for hours in (1, 2, 3):
        await insert(db, id=id_at(await ago(db, hours / 24)))
    await fan_out(session)
    at = datetime.now(UTC)
    wanted = Wanted(endpoint_id, at - timedelta(minutes=since), at - timedelta(minutes=until))
    assert (await replayed(operator, wanted)).made == count


# --- only what is dead


LIVES = {
    "delivered": (["delivered"], False),
    "dead": (["dead"], True),
    "still being tried": (["retrying"], False),
    "retried by hand, and delivered": (["dead", "again", "delivered"], False),
    "retried by hand, and open": (["dead", "again"], False),
    "retried by hand, and dead": (["dead", "again", "dead"], True),
    "retried by hand, and expired": (["dead", "again", "expired"], True),
    "delivered, replayed, dead": (["delivered", "replay", "dead"], True),
    "dead, replayed, delivered": (["dead", "replay", "delivered"], False),
    "dead, replayed, open": (["dead", "replay"], False),
    "cancelled": (["cancelled"], False),
}


async def live(db, session, endpoint_id: int, life: list[str]) -> None:
    for step in life:
        if step == "again":
            last = "select delivery_id from webhooks.attempts where endpoint_id = $1 order by at desc limit 1"
            await db.execute(f"select webhooks.retry(({last}))", endpoint_id)
        elif step == "replay":
            await db.execute("select webhooks.replay($1, $2)", endpoint_id, LONG_AGO)
        else:
            (row,) = await deliveries(db, endpoint_id)
            assert await settle(
                session, row["id"], step, version=row["version"], requested=step not in {"cancelled", "expired"}
            )


@pytest.mark.parametrize(("life", "is_wanted"), LIVES.values(), ids=LIVES)
async def test_only_dead_means_that_the_last_delivery_there_ended_dead(db, session, operator, life, is_wanted):
    (endpoint_id, _), (other, _) = await subscribe(db, URL), await subscribe(db, URL)
    event_id = await insert(db)
    await fan_out(session)
    (row,) = await deliveries(db, other)
    await settle(session, row["id"], "delivered" if is_wanted else "dead")
    await live(db, session, endpoint_id, life)
    before = len(await deliveries(db, endpoint_id))
    assert (await replayed(operator, everything(endpoint_id, only_dead=True))).made == is_wanted
    rows = await deliveries(db, endpoint_id)
    assert [row["event_id"] for row in rows[before:]] == [event_id] * is_wanted
    assert (await replayed(operator, everything(endpoint_id, only_dead=True))).made == 0


async def test_only_dead_is_not_misled_by_a_test_send(db, session, operator):
    endpoint_id, _ = await subscribe(db, URL)
    ping = await db.fetchval("select webhooks.ping($1)", endpoint_id)
    await settle(session, ping, "dead")
    assert (await replayed(operator, everything(endpoint_id, only_dead=True))).made == 0


# --- stopped, cut off, shared


async def test_what_is_cut_off_between_any_two_slices_goes_on_where_it_was(db, session, operator, database):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 50)
    await fan_out(session)
    expected = await again(db, endpoint_id)
    replay = await begin(operator, everything(endpoint_id))
    seen = []
    while not replay.is_finished:
        async with connected(database.dsn_as("app_operator")) as killed:
            transaction = killed.transaction()
            await transaction.start()
            await killed.fetch("select webhooks.carry_on_replay($1, 7)", replay.id)
            killed.terminate()  # before its COMMIT
        replay = await carry_on(operator, replay.id, Pace(7))
        seen.append((replay.looked, replay.made))
    assert seen == [(n, n) for n in (7, 14, 21, 28, 35, 42, 49, 50)]
    assert await again(db, endpoint_id) == sorted(expected)


async def test_two_who_go_on_with_the_same_one_share_it(db, session, database):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 500)
    await fan_out(session)
    expected = await again(db, endpoint_id)
    sessions = [Session(Login(database.dsn_as("app_operator"), settings=UPKEEP), "test") for _ in range(3)]
    replay = await begin(sessions[0], everything(endpoint_id))
    done = await asyncio.gather(*(carry_on(each, replay.id, Pace(11), 60) for each in sessions))
    assert [(each.looked, each.made, each.is_finished) for each in done] == [(500, 500, True)] * 3
    assert await again(db, endpoint_id) == sorted(expected)
    for each in sessions:
        await each.close()


async def test_what_is_inserted_meanwhile_is_left_to_its_fan_out(db, session, operator):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 3)
    await fan_out(session)
    await again(db, endpoint_id)
    replay = await begin(operator, Wanted(endpoint_id, LONG_AGO, datetime.now(UTC) + timedelta(hours=1)))
    await insert_many(db, 3)
    await fan_out(session)
    await db.execute("delete from webhooks.deliveries")
    assert (await carry_on(operator, replay.id, Pace(2), 60)).made in {3, 4}, "one of the same millisecond, at most"


async def test_it_says_how_far_it_is(db, session, operator):
    endpoint_id, _ = await subscribe(db, URL)
    for minutes in (40, 30, 20, 10):
        await insert(db, id=id_at(await ago(db, minutes / 1440)))
    await fan_out(session)
    replay = await begin(operator, everything(endpoint_id))
    assert replay.done == 0, "where the first event is, and not at since"
    seen = [round((await carry_on(operator, replay.id, Pace(1))).done, 2) for _ in range(5)]
    assert seen == [0.0, 0.25, 0.5, 0.75, 1.0]


async def test_each_slice_that_makes_something_rings(db, session, operator, database):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 4)
    await fan_out(session)
    replay = await begin(operator, everything(endpoint_id))
    await db.execute("delete from webhooks.changes")
    heard = []
    async with connected(database.dsn) as listening:
        await listening.add_listener("webhooks_changed", lambda *ring: heard.append(ring[3]))
        for _ in range(3):
            await carry_on(operator, replay.id, Pace(2))
        await eventually(lambda: heard == ["", ""])
    assert [row["endpoint_id"] for row in await db.fetch("select * from webhooks.changes")] == [endpoint_id] * 2


async def test_a_slice_that_takes_too_long_is_followed_by_smaller_ones():
    pace = Pace()
    pace.took(0.1)
    assert pace.scan == 2 * replays.FIRST
    pace.took(5)
    assert pace.scan == replays.FIRST
    while pace.timed_out():
        pass
    assert pace.scan == 1
    fixed = Pace(5)
    fixed.took(0.0)
    assert fixed.scan == 5


async def test_a_lock_in_the_way_is_waited_for(db, session, operator, database):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 3)
    await fan_out(session)
    replay = await begin(operator, everything(endpoint_id))
    async with connected(database.dsn) as holding:
        await holding.execute("begin")
        await holding.execute("select from webhooks.replays for update")
        going = asyncio.create_task(carry_on(operator, replay.id, Pace()))
        await eventually(lambda: db.fetchval("select exists (select from pg_locks where not granted)"))
        await holding.execute("commit")
    assert (await going).is_finished


# --- the rows that remember


async def test_one_that_is_ended_goes_no_further_and_makes_room_for_another(db, session, operator):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 5)
    await fan_out(session)
    replay = await begin(operator, everything(endpoint_id))
    await carry_on(operator, replay.id, Pace(2))
    done = await end(operator, replay.id)
    assert (done.made, done.is_finished, done.done < 1) == (2, True, True)
    assert await carry_on(operator, replay.id, Pace(2), 60) == done == await end(operator, replay.id)
    assert (await replayed(operator, everything(endpoint_id))).made == 5
    assert [each.made for each in await listed(operator)] == [5, 2]


async def test_rows_go_with_their_endpoint_and_after_a_month(db, operator):
    (first, _), (second, _) = await subscribe(db, URL), await subscribe(db, URL)
    for endpoint_id in (first, second):
        await replayed(operator, everything(endpoint_id))
    await db.execute("select webhooks.unsubscribe($1)", first)
    assert [each.wanted.endpoint_id for each in await listed(operator)] == [second]
    await db.execute("update webhooks.replays set changed_at = now() - interval '31 days'")
    await begin(operator, everything(second))
    assert [each.is_finished for each in await listed(operator)] == [False]
