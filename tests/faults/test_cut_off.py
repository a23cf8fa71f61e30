"""The holder lives and does not know that another has the work: two at once, and no harm done."""

import signal
import time

from tests.support.daemon import starting
from tests.support.eventually import eventually
from tests.support.sql import all_settled, attempts, insert, subscribe
from tests.support.trial import DUPLICATES, SETTINGS, TERMINATE, Outage, leaves_well, trial

QUICK = {"endpoint__timeout_s": 2}
HOLDER = "dispatcher: holder%"


async def test_a_holder_that_stood_still_while_another_took_over_stands_by(root, database, receiver):
    async with trial(database, receiver, **QUICK) as running:
        first, second = running.daemon, await running.standby(**QUICK)
        outage = running.outage()
        first.process.send_signal(signal.SIGSTOP)
        await root.execute(TERMINATE, HOLDER)
        await second.says("work.taken")
        running.daemon, running.duplicates, running.crowded = second, DUPLICATES, True
        await running.goes_on(100)
        first.process.send_signal(signal.SIGCONT)
        await outage.told_of("listener.lost")
        await outage.told_of("work.awaited")
        await running.goes_on(100)
        await leaves_well(first)


async def test_two_change_places_again_and_again(root, database, receiver):
    async with trial(database, receiver, **QUICK) as running:
        first, second = running.daemon, await running.standby(**QUICK)
        running.crowded = True
        for _ in range(3):
            outage = Outage(second)
            first.process.send_signal(signal.SIGSTOP)
            await root.execute(TERMINATE, HOLDER)
            await outage.told_of("work.taken")
            running.duplicates += DUPLICATES
            first.process.send_signal(signal.SIGCONT)
            await running.goes_on()
            first, second = second, first
        running.daemon = first
        await leaves_well(second)


async def test_what_a_holder_that_stood_still_had_in_flight_is_settled_once(root, database, db, receiver):
    receiver.hang()
    await subscribe(db, receiver.url())
    async with (
        starting(database.dsn, **SETTINGS) as first,
        starting(database.dsn, **SETTINGS) as second,
    ):
        holder, other = await in_order(first, second)
        await insert(db)
        await eventually(lambda: receiver.in_flight() == 1)
        holder.process.send_signal(signal.SIGSTOP)
        await root.execute(TERMINATE, HOLDER)
        await other.says("work.taken")
        await eventually(lambda: receiver.in_flight() == 2)
        receiver.let_go()
        await all_settled(db)
        holder.process.send_signal(signal.SIGCONT)
        assert (await holder.says("attempt.superseded"))["delivery_id"]
        assert await attempts(db) == [(1, "delivered", None, 200)]
        await leaves_well(holder)
        await leaves_well(other)


async def in_order(*daemons):
    """Who holds the work first."""
    await eventually(lambda: any(one.said("work.taken") for one in daemons))
    await eventually(lambda: any(one.said("work.awaited") for one in daemons))
    return sorted(daemons, key=lambda one: not one.said("work.taken"))


async def test_a_holder_cut_off_without_a_word_stands_by_when_it_finds_out(network, root, database, receiver):
    """What the server's keepalive does in its time is done by hand: its end of the connection ends."""
    async with trial(database, receiver, network.dsn(database), **QUICK) as running:
        first, second = running.daemon, await running.standby(**QUICK)
        outage = running.outage()
        network.lose()
        await root.execute(TERMINATE, HOLDER)
        await second.says("work.taken")
        running.daemon, running.duplicates, running.crowded = second, DUPLICATES, True
        await outage.told_of("listener.lost")
        await outage.told_of("work.awaited")
        await running.goes_on(100)
        outage.has_not_spun()
        await leaves_well(first)


GATE = """
create sequence public.passed;
grant usage on sequence public.passed to public;
create function public.gate() returns trigger language plpgsql as $$
begin
  -- The first to come waits at the gate, in no lock that a time limit could end.
  if exists (select from made) and nextval('public.passed') = 1 then
    while not pg_try_advisory_xact_lock_shared(4711) loop perform pg_sleep(0.02); end loop;
  end if;
  return null;
end $$;
create trigger gate after insert on webhooks.deliveries referencing new table as made
  for each statement execute function public.gate();
"""
AT_THE_GATE = """
select count(*) from pg_stat_activity where application_name = 'dispatcher: fanout' and wait_event = 'PgSleep'
"""


async def test_what_a_dead_holder_s_last_statement_makes_is_found(root, database, db, receiver):
    """Its backend works on after it was killed: the deliveries are committed when another has long had the work."""
    await subscribe(db, receiver.url())
    await root.execute(GATE)
    await root.execute("select pg_advisory_lock(4711)")
    async with starting(database.dsn, **SETTINGS) as first:
        await first.says("work.taken")
        async with starting(database.dsn, **SETTINGS) as second:
            await second.says("work.awaited")
            await insert(db)
            await eventually(lambda: root.fetchval(AT_THE_GATE))
            first.kill()
            await second.says("work.taken")
            assert await root.fetchval("select count(*) from webhooks.deliveries") == 0
            await root.execute("select pg_advisory_unlock(4711)")
            opened_at = time.monotonic()
            await eventually(lambda: receiver.requests, 8)
            print(f"found {receiver.requests[0].at - opened_at:.1f} s after it was made")
            await eventually(lambda: second.said("attempt.settled"))
            assert len(receiver.requests) == 1
            assert await root.fetchval("select last_value from public.passed") == 1, "nobody else has fanned it out"
            await leaves_well(second)


async def test_a_holder_whose_epoch_was_moved_takes_the_work_anew(root, database, receiver):
    """Whoever moved it: what it says finds nothing any more, and it must not wait for ever to be heard."""
    async with trial(database, receiver, **QUICK) as running:
        outage = running.outage()
        await root.execute("update webhooks.holder set epoch = epoch + 1, left_at = null")
        await outage.told_of("work.taken")
        running.duplicates, running.crowded = DUPLICATES, True
