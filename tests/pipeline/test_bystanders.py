"""Somebody's open transaction, lock, poison or flood is nobody else's affair: promises 1, 2, 3 and 8."""

import asyncio

import pytest

from dispatcher.errors import DatabaseAway
from dispatcher.store.session import Session
from tests.pipeline.test_culprits import POISON
from tests.support.eventually import eventually
from tests.support.postgres import connected
from tests.support.receiver import Answer
from tests.support.sql import all_settled, attempts, endpoint, insert, insert_many, states, subscribe


@pytest.fixture
async def other(database):
    """Another session of the owner's, with a transaction open until the test ends."""
    async with connected(database.dsn) as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


async def test_a_transaction_on_one_delivery_holds_up_no_other_and_sends_nothing_twice(running, db, receiver, other):
    await subscribe(db, receiver.url("/held"), "{held}")
    await subscribe(db, receiver.url("/free"), "{free}")
    receiver.hang("/held")
    async with running():
        held = await insert(db, "held")
        await eventually(lambda: receiver.in_flight("/held"))
        await other.fetchval("select webhooks.retry(id) from webhooks.deliveries where event_id = $1", held)
        receiver.let_go("/held")
        await insert_many(db, 1000, "free")
        await eventually(lambda: len(receiver.at("/free")) == 1000)
        await eventually(lambda: db.fetchval("select count(*) = 1000 from webhooks.attempts"))
        assert await states(db, held) == ["pending"]
        await other.execute("rollback")
        await all_settled(db)
    assert len(receiver.at("/held")) == 1
    assert await states(db, held) == ["delivered"]


async def test_more_locked_outcomes_than_may_be_unsettled_stop_nobody_else(running, db, receiver, other):
    held, _ = await subscribe(db, receiver.url("/held"), "{held}")
    await subscribe(db, receiver.url("/free"), "{free}")
    async with running(dispatch__max_unsettled=4) as dispatcher:
        await insert_many(db, 30, "held")
        await all_settled(db)  # The window is open.
        receiver.hang("/held")
        await insert_many(db, 8, "held")
        await eventually(lambda: receiver.in_flight("/held") == 8)
        await other.execute("select from webhooks.deliveries where endpoint_id = $1 for update", held)
        receiver.let_go("/held")
        await eventually(lambda: "8/4 unsettled" in repr(dispatcher._stages.settle))
        await insert(db, "free")
        await eventually(lambda: receiver.at("/free"))
        await other.execute("rollback")
        await all_settled(db)
    assert len(receiver.at("/held")) == 38


async def test_an_outcome_whose_row_is_locked_at_the_end_is_waited_for(running, db, receiver, other):
    await subscribe(db, receiver.url())
    receiver.hang()

    async def release_when_met() -> None:
        await eventually(lambda: db.fetchval(AROUND))
        await other.execute("rollback")

    async with asyncio.TaskGroup() as tasks, running():
        await insert(db)
        await eventually(receiver.in_flight)
        await other.fetchval("select webhooks.retry(id) from webhooks.deliveries")
        receiver.let_go()
        await eventually(lambda: not receiver.in_flight())
        tasks.create_task(release_when_met())
    assert [outcome for _, outcome, _, _ in await attempts(db)] == ["delivered"]


AROUND = """
select exists (select from pg_stat_activity
                where application_name = 'dispatcher: settle' and query like '%skip locked%')
"""


async def test_a_lock_on_the_tables_that_lasts_takes_no_event_from_anybody(running, database, db, receiver):
    await subscribe(db, receiver.url(), filter="$.amount > 1")
    tries: set[object] = set()
    async with running(), connected(database.superuser_dsn) as admin:
        await insert(db, data='{"amount": 2}')
        await eventually(lambda: receiver.requests)
        async with admin.transaction():
            await admin.execute("lock table webhooks.deliveries in share mode")
            late = await insert(db, data='{"amount": 3}')
            await eventually(lambda: waited_again_and_again(db, tries))
        await eventually(lambda: len(receiver.requests) == 2)
        await all_settled(db)
    assert await states(db, late) == ["delivered"]


async def waited_again_and_again(db, tries: set[object]) -> bool:
    """Whether four fan-outs have been seen to wait for a lock."""
    tries |= {
        row["query_start"]
        for row in await db.fetch(
            "select query_start from pg_stat_activity "
            "where application_name = 'dispatcher: fanout' and wait_event_type = 'Lock'"
        )
    }
    return len(tries) >= 4


async def test_an_event_put_aside_does_not_hold_up_other_tenants(running, db, receiver):
    await subscribe(db, receiver.url("/b"), tenant="b")
    await subscribe(db, receiver.url("/c"), tenant="c")
    await db.execute(POISON)
    async with running():
        await insert(db, data="13", tenant="b")
        await eventually(lambda: db.fetchval("select count(*) = 1 from webhooks.inbox"))
        for number in range(3):
            await insert(db, data="1", tenant="c")
            await eventually(lambda expected=number + 1: len(receiver.at("/c")) == expected)


async def test_an_ordered_backlog_keeps_its_order_while_other_tenants_insert(running, db, receiver):
    await subscribe(db, receiver.url("/a"), tenant="a", ordered=True)
    await db.execute("update webhooks.endpoints set state = 'paused'")
    await insert_many(db, 25_000, tenant="a")
    async with running():
        while await db.fetchval("select exists (select from webhooks.inbox where tenant = 'a')"):
            await insert(db, tenant="b")
    in_order = await db.fetchval(
        "select bool_and(n is null or n < v) from (select e.data::text::int as v, "
        "lag(e.data::text::int) over (order by d.due_at, d.id) as n "
        "from webhooks.deliveries d join webhooks.events e on e.id = d.event_id) x"
    )
    assert in_order


async def test_a_transaction_on_one_endpoint_delays_no_change_to_another(running, db, receiver, other):
    failing, _ = await subscribe(db, receiver.url("/failing"), "{failing}")
    paused, _ = await subscribe(db, receiver.url("/paused"), "{paused}")
    receiver.always(500, path="/failing")
    async with running():
        await other.execute("select webhooks.ping($1)", failing)
        await insert_many(db, 20, "failing")
        await eventually(lambda: len(receiver.at("/failing")) >= 5)
        await insert(db, "paused")
        await eventually(lambda: receiver.at("/paused"))
        await db.execute("select webhooks.pause($1)", paused)
        await changes_apply(db, receiver)
        await insert(db, "paused")
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.inbox"))
        assert len(receiver.at("/paused")) == 1
        await other.execute("rollback")
        await eventually(lambda: parked(db, failing))


async def changes_apply(db, receiver) -> None:
    """Wait until what was changed so far applies: until a change made after it does."""
    marker, _ = await subscribe(db, receiver.url("/before"), "{marker}")

    async def changed() -> bool:
        await insert(db, "marker")
        return bool(receiver.at("/after"))

    await insert(db, "marker")
    await eventually(lambda: receiver.at("/before"))
    await db.execute("update webhooks.endpoints set url = $2 where id = $1", marker, receiver.url("/after"))
    await eventually(changed)


async def parked(db, endpoint_id: int) -> bool:
    return (await endpoint(db, endpoint_id))["parked_until"] is not None


async def test_gone_is_written_although_somebody_is_on_the_endpoint_at_that_moment(running, db, receiver, other):
    gone, _ = await subscribe(db, receiver.url())
    receiver.always(410)
    async with running():
        await other.execute("select from webhooks.endpoints where id = $1 for update", gone)
        await insert(db)
        await eventually(lambda: receiver.requests)
        await insert(db)
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.inbox"))
        assert (await endpoint(db, gone))["state"] == "active"
        await other.execute("rollback")
        await eventually(lambda: disabled(db, gone))
        await all_settled(db)


async def disabled(db, endpoint_id: int) -> bool:
    return (await endpoint(db, endpoint_id))["state"] == "disabled"


async def test_a_flood_of_tests_to_one_endpoint_does_not_keep_out_those_of_another(running, db, receiver):
    slow, _ = await subscribe(db, receiver.url("/slow"), max_in_flight=1)
    quick, _ = await subscribe(db, receiver.url("/quick"))
    receiver.hang("/slow")
    async with running():
        await db.execute("select webhooks.ping($1) from generate_series(1, 1500)", slow)
        await eventually(lambda: receiver.in_flight("/slow"))
        await db.execute("select webhooks.ping($1)", quick)
        await eventually(lambda: receiver.at("/quick"))
        receiver.let_go("/slow")


async def test_a_retry_by_hand_does_not_wait_for_the_head_of_an_ordered_lane(running, db, receiver):
    await subscribe(db, receiver.url(), ordered=True)
    receiver.will_answer(500)
    async with running(endpoint__backoff_base_s="600", endpoint__backoff_cap_s="600"):
        await insert(db)
        await eventually(lambda: db.fetchval("select retry_at is not null from webhooks.deliveries"))
        assert await db.fetchval("select webhooks.retry(id) from webhooks.deliveries")
        await all_settled(db)


@pytest.mark.parametrize(
    "act", ["select webhooks.retry(id) from webhooks.deliveries", "update webhooks.endpoints set url = url || '?new'"]
)
async def test_what_somebody_does_by_hand_outweighs_a_retry_after(running, db, receiver, act):
    await subscribe(db, receiver.url())
    receiver.will_answer(Answer(503, headers={"Retry-After": "600"}))
    async with running():
        await insert(db)
        await eventually(lambda: db.fetchval("select due_at > now() + interval '1 min' from webhooks.deliveries"))
        await insert(db, "the.next")
        await db.execute(act)
        await eventually(lambda: len(receiver.requests) >= 2)


async def test_a_change_whose_answer_was_lost_is_applied_all_the_same(running, db, receiver, monkeypatch):
    endpoint_id, _ = await subscribe(db, receiver.url(), "{order.paid,and.another}")
    fetch, lose = Session.fetch, []

    async def losing(self, name, *args):
        rows = await fetch(self, name, *args)
        if name == "take_changes" and rows and lose:
            lose.clear()
            self.drop()
            raise DatabaseAway("the answer was lost")
        return rows

    monkeypatch.setattr(Session, "fetch", losing)
    async with running():
        await insert(db)
        await eventually(lambda: receiver.requests)
        lose.append(True)
        await db.execute("select webhooks.pause($1)", endpoint_id)
        await eventually(lambda: not lose)
        await changes_apply(db, receiver)
        event_id = await insert(db)
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.inbox"))
        await insert(db, "and.another")
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.inbox"))
        assert await states(db, event_id) == ["pending"]
        assert len(receiver.at("/hook")) == 1


async def test_what_was_queued_before_the_work_was_lost_is_read_again(running, database, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url(), max_in_flight=1)
    receiver.hang()
    async with running():
        await insert_many(db, 3)
        await eventually(receiver.in_flight)
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.inbox"))
        before = await db.fetchval(HOLDERS)
        async with connected(database.superuser_dsn) as admin:
            # While nobody holds the work, another one finishes what is queued here.
            await admin.execute(
                "begin; select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and application_name like 'dispatcher: holder%'; "
                "delete from webhooks.deliveries where id > (select min(id) from webhooks.deliveries); commit"
            )
        await eventually(lambda: db.fetchval(HOLDS_AGAIN, before))
        receiver.let_go()
        await all_settled(db)
    assert len(receiver.requests) == 1
    assert await endpoint(db, endpoint_id)


HOLDERS = """
select pid from pg_stat_activity where datname = current_database() and application_name like 'dispatcher: holder%'
"""
HOLDS_AGAIN = f"select exists ({HOLDERS} and pid <> $1)"
