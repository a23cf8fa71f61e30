"""The right to be forgotten: what of a tenant's past is left, and what is not."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.days import ago, put_event
from tests.support.postgres import connected
from tests.support.refusals import judge, refused
from tests.support.sql import attempts, insert, states, subscribe
from tests.support.stages import fan_out, settle

MARK = "forget-me-4711"
TEXTS = """
select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
 where c.relnamespace = 'webhooks'::regnamespace and c.relkind = 'r' and not a.attisdropped
"""
ERASE = "select webhooks.erase($1, clock_timestamp())"


async def found(db, mark: str = MARK) -> set[str]:
    """Every column of every table in which the mark can be read."""
    places = set()
    for table, column in await db.fetch(TEXTS):
        text = f"convert_from({column}, 'utf8')" if column == "reply" and table != "requests" else f"{column}::text"
        if await db.fetchval(f"select exists (select from webhooks.{table} where {text} like $1)", f"%{mark}%"):
            places.add(f"{table.split('_2')[0]}.{column}")
    return places


async def test_a_payload_is_nowhere_left(db, session):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook", tenant="acme")
    data, context = f'{{"name": "{MARK}"}}', f'"{MARK}"'
    for number in range(3):
        await db.execute(
            "insert into webhooks.events (tenant, type, data, context, key) "
            "values ('acme', 'order.paid', $1::text::json, $2::text::json, $3)",
            data, context, f"{MARK}-{number}",
        )  # fmt: skip
    await fan_out(session)
    first, second, third = await db.fetch("select id from webhooks.deliveries order by id")
    await settle(session, first["id"], "delivered")
    await settle(session, second["id"], "retrying")
    await db.execute("update webhooks.attempts set reply = convert_to($1, 'utf8')", MARK)
    await insert(db, data=data, tenant="acme")
    assert await found(db) == {"events.data", "events.context", "events.key", "event_keys.key", "attempts.reply"}

    assert await db.fetchval(ERASE, "acme") == 4
    assert await found(db) == set()
    assert await db.fetchval("select count(*) from webhooks.inbox") == 0
    assert await states(db) == ["delivered", "cancelled", "cancelled"]
    assert (None, "cancelled", "cancelled", None) in await attempts(db, endpoint_id)
    assert await db.fetchval("select webhooks.retry($1)", third["id"]) is False
    # Ids and figures stay.
    assert await db.fetchval("select count(*) from webhooks.fanouts") == 3


async def test_replies_to_events_that_have_gone_already_and_of_endpoints_that_have_are_blanked_too(db):
    mine, _ = await subscribe(db, "https://example.com/a", tenant="acme")
    gone, _ = await subscribe(db, "https://example.com/b", tenant="acme")
    other, _ = await subscribe(db, "https://example.com/c", tenant="other")
    event_id = await insert(db, tenant="acme")
    old = await db.fetchval("select webhooks.uuid_floor(now() - interval '90 days')")
    for event, endpoint in ((event_id, gone), (old, mine), (old, other)):
        await db.execute(
            "insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome, reason, "
            "reply) values (1, $1, $2, 1, 1, 'dead', 'http_500', 'x')",
            event, endpoint,
        )  # fmt: skip
    await db.execute("delete from webhooks.endpoints where id = $1", gone)
    await db.execute(ERASE, "acme")
    assert await db.fetchval("select array_agg(endpoint_id) from webhooks.attempts where reply is not null") == [other]


async def test_only_that_tenant_and_only_before_that_instant(db):
    ids = {name: await insert(db, tenant=name) for name in ("acme", "other", "")}
    before = await db.fetchval("select clock_timestamp() + interval '1 ms'")
    while await db.fetchval("select clock_timestamp() < $1::timestamptz + interval '1 ms'", before):
        pass
    late = await insert(db, tenant="acme")
    await put_event(db, await ago(db, 20), tenant="acme")
    assert await db.fetchval("select webhooks.erase('acme', $1)", before) == 2
    left = {row[0] for row in await db.fetch("select id from webhooks.events")}
    assert left == {ids["other"], ids[""], late}
    assert {row[0] for row in await db.fetch("select event_id from webhooks.inbox")} == left
    assert await db.fetchval("select webhooks.erase('', clock_timestamp())") == 1
    assert await db.fetchval("select webhooks.erase('nobody', clock_timestamp())") == 0


CALLS = [
    ("null, now()", "tenant_is_given"),
    ("'acme', null", "before_is_past"),
    ("'acme', 'infinity'", "before_is_past"),
    ("'acme', '-infinity'", "before_is_past"),
    ("'acme', clock_timestamp() + interval '1 s'", "before_is_past"),
]


@pytest.mark.parametrize(("call", "rule"), CALLS)
async def test_nonsense_is_refused(db, call, rule):
    await insert(db, tenant="acme")
    judge(await refused(db, f"select webhooks.erase({call})"), rule, "22023")
    assert await db.fetchval("select count(*) from webhooks.events") == 1


@pytest.mark.parametrize("before", ["0001-01-01 BC", "1969-12-31"])
async def test_an_instant_before_all_events_erases_nothing(db, before):
    await insert(db, tenant="acme")
    assert await db.fetchval(f"select webhooks.erase('acme', '{before}')") == 0


@pytest.mark.parametrize("level", ["read_committed", "repeatable_read", "serializable"])
async def test_it_works_in_any_transaction_and_is_undone_with_it(db, level):
    await insert(db, tenant="acme")
    transaction = db.transaction(isolation=level)
    await transaction.start()
    assert await db.fetchval("select webhooks.erase('acme', now())") == 1
    await transaction.rollback()
    async with db.transaction(isolation=level):
        assert await db.fetchval("select webhooks.erase('acme', now())") == 1
    assert await db.fetchval("select count(*) from webhooks.events") == 0


async def test_it_works_from_plpgsql_again_and_again(db):
    await insert(db, tenant="acme")
    await db.execute(
        "do $$ begin for n in 1 .. 20 loop perform webhooks.erase('acme', clock_timestamp()); end loop; end $$"
    )
    assert await db.fetchval("select count(*) from webhooks.events") == 0


async def test_what_a_fan_out_made_meanwhile_is_cancelled_too(database, db, session):
    await subscribe(db, "https://example.com/hook", tenant="acme")
    await insert(db, tenant="acme")
    async with connected(database.dsn) as owner:
        transaction = owner.transaction(isolation="repeatable_read")
        await transaction.start()
        await owner.fetchval("select 1 from webhooks.holder")
        await fan_out(session)
        with pytest.raises(asyncpg.SerializationError):
            await owner.fetchval(ERASE, "acme")
        await transaction.rollback()
        assert await owner.fetchval(ERASE, "acme") == 1
    assert await states(db) == ["cancelled"]


async def test_endpoints_it_cancels_for_are_rung(db, session):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook", tenant="acme")
    await insert(db, tenant="acme")
    await fan_out(session)
    await db.execute("delete from webhooks.changes")
    await db.execute(ERASE, "acme")
    assert [row[0] for row in await db.fetch("select endpoint_id from webhooks.changes")] == [endpoint_id]


async def test_a_settlement_that_comes_late_adds_nothing(db, session):
    await subscribe(db, "https://example.com/hook", tenant="acme")
    await insert(db, tenant="acme")
    await fan_out(session)
    delivery_id = await db.fetchval("select id from webhooks.deliveries")
    await db.execute(ERASE, "acme")
    assert await settle(session, delivery_id, "delivered") is False
    assert await attempts(db) == [(None, "cancelled", "cancelled", None)]


async def test_it_is_the_owners_who_may_grant_it(database, db):
    await insert(db, tenant="acme")
    async with connected(database.dsn_as("app_operator")) as operator:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await operator.fetchval(ERASE, "acme")
        await db.execute("grant execute on function webhooks.erase(text, timestamptz) to app_operator")
        assert await operator.fetchval(ERASE, "acme") == 1


async def test_thousands_of_events_take_a_moment(db, session):
    await subscribe(db, "https://example.com/hook", tenant="acme")
    await db.execute(
        "insert into webhooks.events (tenant, type, data) select 'acme', 'a', '1' from generate_series(1, 5000)"
    )
    for _ in range(5):
        await fan_out(session)
    began = datetime.now(UTC)
    assert await db.fetchval(ERASE, "acme") == 5000
    assert datetime.now(UTC) - began < timedelta(seconds=20)
    assert await db.fetchval("select count(*) from webhooks.attempts where outcome = 'cancelled'") == 5000
