"""What an operator calls: subscribe, unsubscribe, pause, resume, activate, rotate_secret; and what all calls share."""

import base64
from datetime import timedelta

import asyncpg
import pytest

from tests.support.sql import attempts, deliveries, endpoint, insert, states, subscribe
from tests.support.stages import fan_out, settle

URL = "https://example.com/hook"
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER = "whsec_" + base64.b64encode(bytes(24)).decode()


# --- subscribe


async def test_subscribe_makes_a_secret_of_standard_webhooks_and_never_the_same_twice(db):
    (one, secret), (two, other) = await subscribe(db, URL), await subscribe(db, URL)
    assert secret.startswith("whsec_")
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    assert (one != two, secret != other) == (True, True)
    assert (await endpoint(db, one))["secret"] == secret


@pytest.mark.parametrize("size", [24, 25, 26, 32, 64])
async def test_subscribe_takes_a_secret_of(size, db):
    given = "whsec_" + base64.b64encode(bytes(range(size))).decode()
    endpoint_id, secret = await subscribe(db, URL, secret=given)
    assert secret == given == (await endpoint(db, endpoint_id))["secret"]


async def test_subscribe_without_settings_leaves_them_to_the_configuration(db):
    endpoint_id, _ = await subscribe(db, URL)
    row = dict(await endpoint(db, endpoint_id))
    given = {name: row[name] for name in ("tenant", "url", "state", "ordered")}
    assert given == {"tenant": "", "url": URL, "state": "active", "ordered": False}
    settings = (
        "name profile api_key headers timeout_s max_in_flight max_attempts rate_limit previous_secret parked_until"
    )
    assert not [name for name in settings.split() if row[name] is not None]
    assert await db.fetch("select pattern, filter from webhooks.subscriptions") == [("*", None)]


async def test_subscribe_keeps_every_setting(db):
    settings = {
        "tenant": "acme", "name": "ERP", "profile": "standard", "secret": SECRET, "api_key": "k",
        "headers": '{"X-A": "b"}', "timeout_s": 2, "max_in_flight": 1000, "max_attempts": 100, "rate_limit": 1,
        "ordered": True,
    }  # fmt: skip
    endpoint_id, _ = await subscribe(db, URL, "{a.*,b.c}", **settings, filter="$.a > 1")
    row = await endpoint(db, endpoint_id)
    assert {name: row[name] for name in settings} == settings
    rows = await db.fetch("select endpoint_id, tenant, pattern, filter from webhooks.subscriptions order by pattern")
    assert rows == [(endpoint_id, "acme", pattern, '($."a" > 1)') for pattern in ("a.*", "b.c")]


async def test_subscribe_takes_a_pattern_given_twice_once(db):
    await subscribe(db, URL, "{a,a,b}")
    assert await db.fetchval("select count(*) from webhooks.subscriptions") == 2


async def test_a_subscription_refused_leaves_no_endpoint(db):
    with pytest.raises(asyncpg.CheckViolationError):
        await subscribe(db, URL, "{a,not a pattern}")
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 0


async def test_a_subscription_has_the_tenant_of_its_endpoint_whatever_is_written(db):
    endpoint_id, _ = await subscribe(db, URL, tenant="acme")
    await db.execute(
        "insert into webhooks.subscriptions (endpoint_id, tenant, pattern) values ($1, 'globex', 'a')", endpoint_id
    )
    await db.execute("update webhooks.subscriptions set tenant = 'globex'")
    assert await db.fetchval("select array_agg(distinct tenant) from webhooks.subscriptions") == ["acme"]
    await db.execute("update webhooks.endpoints set tenant = 'globex'")
    assert await db.fetchval("select array_agg(distinct tenant) from webhooks.subscriptions") == ["globex"]


@pytest.mark.parametrize(
    ("types", "matched"),
    [
        ("{*}", 1), ("{a.b.c}", 1), ("{a.b.*}", 1), ("{a.*}", 1), ("{*,a.*,a.b.*,a.b.c}", 1),
        ("{a.b}", 0), ("{a.b.c.*}", 0), ("{b.*}", 0), ("{A.*}", 0), ("{a.b.c.d}", 0), ("{webhook.*}", 0),
    ],
)  # fmt: skip
async def test_one_delivery_for_an_event_and_an_endpoint_however_many_patterns_match(db, session, types, matched):
    endpoint_id, _ = await subscribe(db, URL, types)
    await insert(db, "a.b.c")
    await fan_out(session)
    assert len(await deliveries(db, endpoint_id)) == matched
    assert await db.fetchval("select matched from webhooks.fanouts") == matched


async def test_one_delivery_also_where_one_pattern_has_two_filters(db, session):
    endpoint_id, _ = await subscribe(db, URL, "{a}", filter="$.n > 1")
    await db.execute(
        "insert into webhooks.subscriptions (endpoint_id, pattern, filter) values ($1, 'a', '$.n > 2')", endpoint_id
    )
    for n in (1, 2, 3):
        await insert(db, "a", f'{{"n": {n}}}')
    await fan_out(session)
    assert len(await deliveries(db, endpoint_id)) == 2


# --- unsubscribe


async def test_unsubscribe_cancels_what_is_open_and_keeps_history(db, session, delivery):
    _, endpoint_id = delivery
    await insert(db)
    await fan_out(session)
    first, second = [row["id"] for row in await deliveries(db, endpoint_id)]
    await settle(session, first, "delivered")
    await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
    assert await attempts(db) == [(1, "delivered", None, 200), (None, "cancelled", "cancelled", None)]
    assert await states(db) == ["delivered", "cancelled"]
    assert await db.fetchval("select delivery_id from webhooks.attempts where outcome = 'cancelled'") == second
    assert await db.fetchval("select count(*) from webhooks.endpoints") == 0
    assert await db.fetchval("select count(*) from webhooks.subscriptions") == 0
    assert await db.fetchval("select count(*) from webhooks.events") == 2


async def test_unsubscribe_leaves_the_others_alone(db, session, delivery):
    other, _ = await subscribe(db, URL)
    await insert(db)
    await fan_out(session)
    await db.execute("select webhooks.unsubscribe($1)", delivery[1])
    assert len(await deliveries(db, other)) == 1
    assert await db.fetchval("select count(*) from webhooks.subscriptions") == 1


# --- pause, resume, activate


MOVES = {
    "pause": {"active": "paused", "paused": "paused"},
    "resume": {"paused": "active", "active": "active"},
    "activate": {"inactive": "active", "disabled": "active", "active": "active"},
}


@pytest.mark.parametrize("state", ["inactive", "active", "paused", "disabled"])
@pytest.mark.parametrize("function", list(MOVES))
async def test_only_these_moves_between_states_are_allowed(db, function, state):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute("update webhooks.endpoints set state = $1", state)
    call = f"select webhooks.{function}({endpoint_id})"
    if state in MOVES[function]:
        await db.execute(call)
    else:
        with pytest.raises(asyncpg.InvalidParameterValueError, match=f"endpoint {endpoint_id} is {state}"):
            await db.execute(call)
    assert (await endpoint(db, endpoint_id))["state"] == MOVES[function].get(state, state)


async def test_activate_forgets_why_and_since_when(db):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute("update webhooks.endpoints set state = 'disabled', state_reason = 'gone', failing_since = now()")
    await db.execute("update webhooks.endpoints set parked_until = now(), state_at = '2001-01-01'")
    async with db.transaction():
        now = await db.fetchval("select now()")
        await db.execute("select webhooks.activate($1)", endpoint_id)
    row = await endpoint(db, endpoint_id)
    assert (row["state"], row["state_reason"], row["failing_since"], row["parked_until"]) == (
        "active",
        None,
        None,
        None,
    )
    assert row["state_at"] == now


async def test_pause_holds_open_deliveries_and_lets_new_ones_come(db, session, delivery):
    _, endpoint_id = delivery
    await db.execute("select webhooks.pause($1)", endpoint_id)
    await insert(db)
    await fan_out(session)
    assert await states(db) == ["pending", "pending"]


@pytest.mark.parametrize("state", ["inactive", "disabled"])
async def test_new_events_match_nothing_at_an_endpoint_that_is(state, db, session):
    await subscribe(db, URL)
    await db.execute("update webhooks.endpoints set state = $1", state)
    await insert(db)
    await fan_out(session)
    assert await states(db) == []


# --- rotate_secret


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(db):
    endpoint_id, old = await subscribe(db, URL)
    async with db.transaction():
        now = await db.fetchval("select now()")
        new = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    row = await endpoint(db, endpoint_id)
    assert new != old
    assert (row["secret"], row["previous_secret"]) == (new, old)
    assert row["previous_secret_until"] == now + timedelta(hours=24)


@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(minutes=5), timedelta(days=7)])
async def test_a_secret_is_rotated_to_a_given_one_with_an_overlap_of(overlap, db):
    endpoint_id, _ = await subscribe(db, URL, secret=SECRET)
    async with db.transaction():
        now = await db.fetchval("select now()")
        call = "select webhooks.rotate_secret($1, secret => $2, overlap => $3)"
        assert await db.fetchval(call, endpoint_id, OTHER, overlap) == OTHER
    row = await endpoint(db, endpoint_id)
    assert (row["secret"], row["previous_secret"]) == (OTHER, SECRET)
    assert row["previous_secret_until"] == now + overlap


async def test_a_secret_that_slipped_in_malformed_can_be_rotated_away(db):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute("alter table webhooks.endpoints disable trigger endpoints_checked")
    await db.execute("update webhooks.endpoints set secret = 'whsec_broken'")
    await db.execute("alter table webhooks.endpoints enable trigger endpoints_checked")
    made = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
    row = await endpoint(db, endpoint_id)
    assert (row["secret"], row["previous_secret"], row["previous_secret_until"]) == (made, None, None)


# --- all of them


@pytest.mark.parametrize("unknown", ["99", "null"])
@pytest.mark.parametrize(
    "call",
    [
        "unsubscribe({})",
        "pause({})",
        "resume({})",
        "activate({})",
        "rotate_secret({})",
        "ping({})",
        "replay({}, now())",
    ],
)
async def test_an_endpoint_that_is_not_there_is_said_to_be_not_there(db, call, unknown):
    with pytest.raises(asyncpg.InvalidParameterValueError) as refused:
        await db.execute(f"select webhooks.{call.format(unknown)}")
    assert refused.value.args[0] == f"there is no endpoint {unknown}"
    assert (refused.value.constraint_name, bool(refused.value.hint)) == ("endpoint_exists", True)


CHANGES = ["pause", "rotate_secret", "ping", "unsubscribe"]


@pytest.mark.parametrize("function", CHANGES)
async def test_a_change_is_left_for_the_dispatcher_to_find(db, function):
    endpoint_id, _ = await subscribe(db, URL)
    await db.execute("delete from webhooks.changes")
    await db.execute(f"select webhooks.{function}($1)", endpoint_id)
    assert endpoint_id in {row[0] for row in await db.fetch("select endpoint_id from webhooks.changes")}


async def test_retry_and_replay_ring_too(db, delivery):
    await db.execute("delete from webhooks.changes")
    await db.execute("select webhooks.retry($1)", delivery[0])
    await db.execute("select webhooks.replay($1, now())", delivery[1])
    assert await db.fetch("select endpoint_id from webhooks.changes") == [(delivery[1],)] * 2


@pytest.mark.parametrize("function", [*CHANGES, "resume", "activate"])
async def test_a_function_touches_no_other_endpoint(db, function):
    (one, _), (other, _) = await subscribe(db, URL), await subscribe(db, URL)
    state = {"resume": "paused", "activate": "disabled"}.get(function, "active")
    await db.execute("update webhooks.endpoints set state = $1", state)
    before = await endpoint(db, other)
    await db.execute(f"select webhooks.{function}($1)", one)
    assert await endpoint(db, other) == before
    assert await deliveries(db, other) == []
