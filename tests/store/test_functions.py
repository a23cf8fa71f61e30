"""What an operator calls: subscribe, unsubscribe, pause, resume, activate, rotate_secret, retry, replay, ping."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from dispatcher.store.session import PLANS, Login, Session
from tests.support.sql import attempts, endpoint, insert, insert_many, states, subscribe

URL = "https://example.com/hook"
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER = "whsec_" + base64.b64encode(bytes(24)).decode()


@pytest.fixture
async def session(database):
    session = Session(Login(database.dsn, settings=PLANS), "test")
    yield session
    await session.close()


async def fan_out(session) -> None:
    await session.fetch("fan_out", "", 32, 1000, 0, [], [], 64, 8_000_000, [])


async def settle(session, delivery_id: int, outcome: str, *, version: int = 0) -> bool:
    """Whether that outcome, of a request, was written."""
    reason = None if outcome == "delivered" else "http_503"
    ended, put_off = ([], [delivery_id]) if outcome == "retrying" else ([delivery_id], [])
    rows = await session.fetch(
        "settle", [delivery_id], [version], [outcome], [1], [True], [reason], [503], [5], [None], [60.0], [False],
        ended, put_off,
    )  # fmt: skip
    return bool(rows)


async def deliveries(db, endpoint_id: int) -> list[asyncpg.Record]:
    return await db.fetch("select * from webhooks.deliveries where endpoint_id = $1 order by id", endpoint_id)


@pytest.fixture
async def delivery(db, session):
    """(delivery, endpoint) of one event fanned out to one endpoint."""
    endpoint_id, _ = await subscribe(db, URL)
    await insert(db)
    await fan_out(session)
    return await db.fetchval("select id from webhooks.deliveries"), endpoint_id


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
    assert await attempts(db) == [(1, "delivered", None, 503), (None, "cancelled", "cancelled", None)]
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


# --- retry


async def test_retry_makes_an_open_delivery_due_now_with_all_its_attempts(db, session, delivery):
    delivery_id, _ = delivery
    await settle(session, delivery_id, "retrying")
    assert await db.fetchval("select due_at > now() and attempts = 1 from webhooks.deliveries")
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True
    row = await db.fetchrow("select id, attempts, due_at <= clock_timestamp() as due from webhooks.deliveries")
    assert tuple(row) == (delivery_id, 0, True)


async def test_retry_moves_the_head_of_an_ordered_lane_to_its_end(db, session):
    await subscribe(db, URL, ordered=True)
    await insert_many(db, 3)
    await fan_out(session)
    first, *others = [row["id"] for row in await db.fetch("select id from webhooks.deliveries order by due_at, id")]
    await db.execute("update webhooks.deliveries set retry_at = now() + interval '1 h' where id = $1", first)
    await db.execute("select webhooks.retry($1)", first)
    rows = await db.fetch("select id, retry_at from webhooks.deliveries order by due_at, id")
    assert rows == [(delivery_id, None) for delivery_id in (*others, first)]


async def test_retry_brings_a_dead_delivery_back_under_its_id(db, session, delivery):
    delivery_id, _ = delivery
    await settle(session, delivery_id, "dead")
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True
    assert await states(db) == ["pending"]
    row = await db.fetchrow("select id, attempts, due_at <= clock_timestamp() as due, test from webhooks.deliveries")
    assert tuple(row) == (delivery_id, 0, True, False)
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is True


@pytest.mark.parametrize("outcome", ["delivered", "cancelled", "expired"])
async def test_retry_says_no_to_a_delivery_that_is(outcome, db, session, delivery):
    await settle(session, delivery[0], outcome)
    assert await db.fetchval("select webhooks.retry($1)", delivery[0]) is False
    assert await states(db) == [outcome]


@pytest.mark.parametrize("unknown", [0, -1, 99, 2**63 - 1, None])
async def test_retry_says_no_to_a_delivery_that_never_was(unknown, db, delivery):
    assert delivery[0] not in (0, -1, 99)
    assert await db.fetchval("select webhooks.retry($1)", unknown) is False


async def test_retry_says_no_to_a_dead_delivery_whose_endpoint_is_gone(db, session, delivery):
    delivery_id, endpoint_id = delivery
    await settle(session, delivery_id, "dead")
    await db.execute("select webhooks.unsubscribe($1)", endpoint_id)
    assert await db.fetchval("select webhooks.retry($1)", delivery_id) is False


# --- replay


async def replayed(db, endpoint_id: int, since: str = "now() - interval '1 h'", rest: str = "") -> int:
    return await db.fetchval(f"select webhooks.replay($1, since => {since}{rest})", endpoint_id)


async def test_replay_makes_new_deliveries_of_what_matches_and_says_how_many(db, session):
    endpoint_id, _ = await subscribe(db, URL, "{order.*}", tenant="acme", filter="$ > 1")
    await insert_many(db, 3, "order.paid", "acme")
    await insert_many(db, 3, "invoice.paid", "acme")
    await insert_many(db, 3, "order.paid", "globex")
    await fan_out(session)
    before = [row["id"] for row in await deliveries(db, endpoint_id)]
    assert await replayed(db, endpoint_id) == 2
    after = await deliveries(db, endpoint_id)
    assert len(after) == len(before) + 2 == 4
    assert not {row["id"] for row in after[2:]} & set(before)
    assert {row["event_id"] for row in after[:2]} == {row["event_id"] for row in after[2:]}


@pytest.mark.parametrize(
    ("types", "count"), [("{*}", 3), ("{a}", 1), ("{a.*}", 2), ("{a.*,a,a.b}", 3), ("{b.*}", 0), ("{webhook.*}", 0)]
)
async def test_replay_of_some_types_only(db, session, types, count):
    endpoint_id, _ = await subscribe(db, URL)
    for type_ in ("a", "a.b", "a.c"):
        await insert(db, type_)
    await fan_out(session)
    assert await replayed(db, endpoint_id, rest=f", types => '{types}'") == count


def an_id(at: datetime) -> UUID:
    """A version 7 UUID dated then."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62)


async def test_replay_looks_from_since_until_until(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    for hours in (1, 2, 3):
        await insert(db, id=an_id(datetime.now(UTC) - timedelta(hours=hours)))
    await fan_out(session)
    spans = {("150 min", "90 min"): 1, ("150 min", "0 min"): 2, ("4 h", "90 min"): 2, ("30 min", "0 min"): 0}
    for (since, until), count in spans.items():
        rest = f", until => now() - interval '{until}'"
        assert await replayed(db, endpoint_id, f"now() - interval '{since}'", rest) == count


async def test_replay_leaves_what_waits_in_the_inbox_to_its_fan_out(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    await insert(db)
    assert await replayed(db, endpoint_id) == 0
    await fan_out(session)
    assert await replayed(db, endpoint_id) == 1


async def test_replay_does_not_repeat_test_sends(db):
    endpoint_id, _ = await subscribe(db, URL, "{*,webhook.*}")
    await db.execute("select webhooks.ping($1)", endpoint_id)
    assert await replayed(db, endpoint_id) == 0


async def test_replay_from_the_beginning_of_time(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    await insert(db)
    await fan_out(session)
    assert await replayed(db, endpoint_id, "'4713-01-01 BC'", ", until => '9999-12-31'") == 1


# --- ping


@pytest.mark.parametrize("state", ["inactive", "active", "paused", "disabled"])
async def test_ping_makes_one_test_delivery_for_its_endpoint_alone_in_state(state, db, session):
    endpoint_id, _ = await subscribe(db, URL, "{webhook.ping}", tenant="acme")
    for types in ("{*}", "{webhook.*,webhook.ping}"):
        await subscribe(db, URL, types, tenant="acme")
    await db.execute("update webhooks.endpoints set state = $1 where id = $2", state, endpoint_id)
    delivery_id = await db.fetchval("select webhooks.ping($1)", endpoint_id)
    await fan_out(session)
    rows = await db.fetch("select id, endpoint_id, test from webhooks.deliveries")
    assert rows == [(delivery_id, endpoint_id, True)]
    event = await db.fetchrow("select type, tenant, target, data::jsonb -> 'endpoint_id' as data from webhooks.events")
    assert tuple(event) == ("webhook.ping", "acme", endpoint_id, str(endpoint_id))
    assert await db.fetchval("select matched from webhooks.event_status") == 1


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
