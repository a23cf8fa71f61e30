"""One bad event, filter, endpoint or row never stops the others: promise 8."""

import orjson
import pytest

from tests.support.eventually import eventually
from tests.support.postgres import change_past_the_trigger
from tests.support.sql import all_settled, attempts, endpoint, insert, insert_many, states, subscribe


@pytest.mark.parametrize("data", ['{"amount": "\\u0000"}', '{"amount": 1' + "0" * 140_000 + "}"], ids=["nul", "number"])
async def test_data_that_cannot_become_jsonb_does_not_match_a_filter_and_stops_nobody(running, db, receiver, data):
    await subscribe(db, receiver.url("/filtered"), filter="$.amount > 100")
    await subscribe(db, receiver.url("/plain"))
    async with running():
        await insert(db, data='{"amount": 101}')
        await insert(db, data=data)
        await insert(db, data='{"amount": 102}')
        await all_settled(db)
    assert len(receiver.at("/plain")) == 3
    assert len(receiver.at("/filtered")) == 2


POISON = """
create function public.poison() returns trigger language plpgsql as $$
begin
  if (select data::text from webhooks.events where id = new.event_id) = '13' then
    raise exception 'cannot be fanned out';
  end if;
  return new;
end $$;
create trigger poison before insert on webhooks.deliveries for each row execute function public.poison();
"""


async def test_an_event_that_cannot_be_fanned_out_is_put_aside_and_the_others_go_on(running, db, receiver):
    await subscribe(db, receiver.url())
    await db.execute(POISON)
    async with running():
        await insert_many(db, 40)
        await eventually(lambda: len(receiver.requests) == 39)
        await insert_many(db, 5)
        await eventually(lambda: len(receiver.requests) == 44)
        left = await db.fetch("select data::text from webhooks.inbox join webhooks.events e on e.id = event_id")
        assert [row[0] for row in left] == ["13"], "it is not lost"


async def test_a_filter_that_never_ends_is_cut_off_and_the_event_goes_to_the_others(running, db, receiver):
    await subscribe(db, receiver.url("/plain"))
    await subscribe(db, receiver.url("/filtered"), filter="$.order == 42")
    await subscribe(db, receiver.url("/endless"), filter="exists($.a[*] ? (@.b == 1))")
    # A filter that takes for ever, without a machine that burns: the look-up it makes waits.
    await db.execute("alter function webhooks.passes rename to passes_plainly")
    await db.execute(
        "create function webhooks.passes(event_id uuid, filter jsonpath) returns boolean language plpgsql as "
        "$$ begin perform pg_sleep(case when filter::text like '%@%' then 60 else 0 end); return true; end $$"
    )
    async with running():
        await insert(db)
        await eventually(lambda: receiver.at("/plain"))
        await all_settled(db)
        await insert(db)
        await eventually(lambda: len(receiver.at("/plain")) == 2, within=2)  # found once, it costs nobody any more
        await all_settled(db)
    assert len(receiver.at("/filtered")) == 2
    assert not receiver.at("/endless")


async def test_an_endpoint_whose_url_the_rules_forbid_ends_as_recorded_and_disables(running, db, receiver):
    bad, _ = await subscribe(db, "http://10.1.2.3/hook")
    await subscribe(db, receiver.url("/good"))
    async with running():
        await insert(db)
        await eventually(lambda: receiver.at("/good"))
        await eventually(lambda: _disabled(db, bad, "invalid_url"))
    assert await attempts(db, bad) == [(None, "dead", "invalid_url", None)]


async def _disabled(db, endpoint_id: int, reason: str) -> bool:
    row = await endpoint(db, endpoint_id)
    return (row["state"], row["state_reason"]) == ("disabled", reason)


BAD_HEADERS = [
    '{"Host": "evil"}',
    '{"X-A": "\\ud800"}',
    '{"X-A": "a\\r\\nb: c"}',
    '{"X-A": ' + "[" * 2000 + "]" * 2000 + "}",
]


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=["forbidden", "half a character", "injection", "deep"])
async def test_headers_made_invalid_behind_our_back_disable_the_endpoint_and_hold_its_deliveries(
    running, database, db, receiver, headers
):
    bad, _ = await subscribe(db, receiver.url("/bad"))
    await subscribe(db, receiver.url("/good"))
    await change_past_the_trigger(database, f"update webhooks.endpoints set headers = '{headers}' where id = {bad}")
    async with running():
        await insert(db)
        await eventually(lambda: receiver.at("/good"))
        await eventually(lambda: _disabled(db, bad, "invalid_headers"))
        assert await db.fetchval("select count(*) from webhooks.deliveries where endpoint_id = $1", bad) == 1
    assert not receiver.at("/bad")


async def test_an_api_key_made_invalid_behind_our_back_goes_out_with_no_request_not_even_a_test(
    running, database, db, receiver
):
    bad, _ = await subscribe(db, receiver.url())
    await change_past_the_trigger(
        database, f"update webhooks.endpoints set api_key = e'x\\r\\nEvil: 1' where id = {bad}"
    )
    async with running():
        await insert(db)
        await eventually(lambda: _disabled(db, bad, "invalid_api_key"))
        delivery_id = await db.fetchval("select webhooks.ping($1)", bad)
        await eventually(lambda: ended(db, delivery_id))
    assert not receiver.requests


async def ended(db, delivery_id: int) -> bool:
    return not await db.fetchval("select exists (select from webhooks.deliveries where id = $1)", delivery_id)


async def test_a_secret_made_unreadable_is_our_fault_spends_no_attempt_and_nothing_goes_unsigned(
    running, database, db, receiver
):
    bad, _ = await subscribe(db, receiver.url("/bad"))
    await change_past_the_trigger(database, f"update webhooks.endpoints set secret = 'whsec_broken' where id = {bad}")
    async with running():
        await insert(db)
        await eventually(lambda: attempts(db, bad))
        assert (await attempts(db, bad))[0] == (None, "retrying", "secret", None)
        assert await db.fetchval("select attempts from webhooks.deliveries") == 0
    assert not receiver.requests


async def test_deliveries_of_an_endpoint_that_is_not_there_are_cancelled(running, db):
    event_id = await insert(db)
    await db.execute("insert into webhooks.deliveries (event_id, endpoint_id) values ($1, 4711)", event_id)
    async with running():
        await all_settled(db)
    assert await states(db, event_id) == ["cancelled"]


async def test_a_delivery_whose_event_is_gone_expires(running, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id) values (webhooks.uuidv7(), $1)", endpoint_id
    )
    async with running():
        await all_settled(db)
    assert await attempts(db) == [(None, "expired", "expired", None)]
    assert not receiver.requests


async def test_a_refill_racing_a_settle_sends_nothing_twice(running, db, receiver):
    for number in range(5):
        await subscribe(db, receiver.url(f"/{number}"), max_in_flight=4)
    await insert_many(db, 300)
    async with running():
        for _ in range(10):
            await insert_many(db, 20)
            # Rings that make every lane read its backlog anew, while what it holds is being settled.
            await db.execute("insert into webhooks.changes (endpoint_id) select id from webhooks.endpoints")
            await db.execute("notify webhooks_changed")
        await all_settled(db)
    for number in range(5):
        ids = [request.webhook_id for request in receiver.at(f"/{number}")]
        assert len(ids) == len(set(ids)) == 500


async def test_a_settlement_that_cannot_be_written_does_not_hold_up_the_others(running, db, receiver):
    await subscribe(db, receiver.url("/good"))
    bad, _ = await subscribe(db, receiver.url("/bad"), "{bad.*}")
    await db.execute(f"alter table webhooks.attempts add constraint not_this_one check (endpoint_id <> {bad})")
    async with running():
        await insert(db, "bad.event")
        await insert_many(db, 50)
        await eventually(lambda: len(receiver.at("/good")) == 51)
        await eventually(lambda: db.fetchval("select count(*) = 51 from webhooks.attempts"))
        assert len(receiver.at("/bad")) == 1, "it is not sent again and again"
        await db.execute("alter table webhooks.attempts drop constraint not_this_one")
        await db.execute("select webhooks.retry(id) from webhooks.deliveries")
        await all_settled(db)


async def test_connections_lost_in_the_middle_lose_nothing(running, db, receiver):
    await subscribe(db, receiver.url())
    async with running():
        for _ in range(5):
            await insert_many(db, 100)
            await db.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and application_name like 'dispatcher: %'"
            )
        await all_settled(db)
    arrived = {(request.webhook_id, orjson.loads(request.body)["data"]) for request in receiver.requests}
    assert len(arrived) == 500
