"""What subscriptions, functions and events refuse."""

import asyncpg
import pytest

from tests.support.refusals import URL, judge, refused

# --- subscriptions


ONCE = ("subscription_is_written_once", "23514")
PATTERN, FILTER = "pattern_is_a_type_or_ends_in_star", "filter_is_a_predicate"
SUBSCRIPTIONS = [
    ("pattern", None, PATTERN), ("pattern", "", PATTERN), ("pattern", "a b", PATTERN), ("pattern", "*.a", PATTERN),
    ("pattern", "a.*.b", PATTERN), ("pattern", "a*", PATTERN), ("pattern", ".*", PATTERN), ("pattern", "a..b", PATTERN),
    ("pattern", "**", PATTERN), ("pattern", "a.", PATTERN), ("pattern", "a\n", PATTERN), ("pattern", "é", PATTERN),
    ("pattern", "x" * 129, PATTERN), ("pattern", "x" * 129 + ".*", PATTERN),
    ("filter", "$.amount", FILTER), ("filter", "$", FILTER), ("filter", "$.a ? (@ > 1)", FILTER),
    ("filter", "$.a == $b", FILTER), ("filter", "$.*", FILTER),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "rule"), SUBSCRIPTIONS)
@pytest.mark.parametrize("how", ["subscribe", "insert", "update"])
async def test_subscriptions_refuse(db, owned, how, column, value, rule):
    kind = "jsonpath" if column == "filter" else "text"
    if how == "update":
        statement = f"update webhooks.subscriptions set {column} = $1::text::{kind}"
    elif how == "insert":
        names, values = ("pattern, filter", "'a', $1::text::jsonpath") if column == "filter" else ("pattern", "$1")
        statement = f"insert into webhooks.subscriptions (endpoint_id, {names}) values ({owned}, {values})"
    else:
        argument = "filter => $1::text::jsonpath" if column == "filter" else "types => array['a', $1::text]"
        statement = f"select webhooks.subscribe('{URL}', {argument})"
    judge(await refused(db, statement, value), rule, "23514")


@pytest.mark.usefixtures("owned")
@pytest.mark.parametrize("unknown", ["99", "null"])
@pytest.mark.parametrize("statement", ["insert", "update"])
async def test_a_subscription_of_no_endpoint_is_refused(db, statement, unknown):
    if statement == "insert":
        error = await refused(db, f"insert into webhooks.subscriptions (endpoint_id, pattern) values ({unknown}, 'a')")
    else:
        error = await refused(db, f"update webhooks.subscriptions set endpoint_id = {unknown}")
    judge(error, "endpoint_exists", "22023")


async def test_a_subscription_changed_into_another_is_refused(db, owned):
    await db.execute("insert into webhooks.subscriptions (endpoint_id, pattern) values ($1, 'a'), ($1, 'b')", owned)
    judge(await refused(db, "update webhooks.subscriptions set pattern = 'a' where pattern = 'b'"), *ONCE)
    await db.execute("update webhooks.subscriptions set pattern = 'b', filter = '$.n > 1' where pattern = 'b'")


async def test_a_subscription_written_twice_is_refused(db, owned):
    error = await refused(db, "insert into webhooks.subscriptions (endpoint_id, pattern) values ($1, '*')", owned)
    judge(error, *ONCE)


# --- functions


CALLS = [
    ("subscribe('https://example.com', null)", "types_are_given"),
    ("subscribe('https://example.com', '{}')", "types_are_given"),
    ("rotate_secret(1, 'hidden')", "secret_is_given"),
    ("rotate_secret(1, 'whsec_hidden')", "secret_is_given"),
    ("rotate_secret(1, overlap => null)", "overlap_is_0_to_7_days"),
    ("rotate_secret(1, overlap => '-1 s')", "overlap_is_0_to_7_days"),
    ("rotate_secret(1, overlap => '7 days 1 s')", "overlap_is_0_to_7_days"),
    ("replay(1, null)", "since_is_before_until"),
    ("replay(1, now(), null)", "since_is_before_until"),
    ("replay(1, now(), now() - interval '1 s')", "since_is_before_until"),
    ("replay(1, 'infinity', 'infinity')", "since_is_before_until"),
    ("replay(1, now(), types => null)", "types_are_given"),
    ("replay(1, now(), types => '{}')", "types_are_given"),
    ("replay(1, now(), types => '{a,null}')", "types_are_given"),
    ("replay(1, now(), types => '{a,b c}')", "types_are_given"),
    ("ping(1, 'order.paid')", "type_has_an_example"),
    ("emit(null, '1'::text)", "type_is_dotted_words_of_at_most_128_bytes"),
    ("emit('', '1')", "type_is_dotted_words_of_at_most_128_bytes"),
    ("emit('hidden type', '1')", "type_is_dotted_words_of_at_most_128_bytes"),
    ("emit('a.', '1')", "type_is_dotted_words_of_at_most_128_bytes"),
    (f"emit('{'x' * 129}', '1')", "type_is_dotted_words_of_at_most_128_bytes"),
    ("emit('webhook.ping', '1')", "type_prefix_webhook_is_reserved"),
    ("emit('a', null::text)", "data_is_at_most_1000000_bytes"),
    ("emit('a', null::json)", "data_is_at_most_1000000_bytes"),
    ("emit('a', null::jsonb)", "data_is_at_most_1000000_bytes"),
    ("emit('a', to_json(repeat('x', 999999)))", "data_is_at_most_1000000_bytes"),
    ("emit('a', '{\"a\": \"hidden}')", "data_is_json"),
    ("emit('a', '')", "data_is_json"),
    ("emit('a', repeat('[', 100000))", "data_is_json"),
    ("emit('a', '1', context => to_json(repeat('x', 999999)))", "context_is_at_most_1000000_bytes"),
    ("emit('a', '1', tenant => null)", "tenant_is_at_most_256_bytes"),
    ("emit('a', '1', tenant => repeat('x', 257))", "tenant_is_at_most_256_bytes"),
    ("emit('a', '1', key => '')", "key_is_1_to_512_bytes"),
    ("emit('a', '1', key => repeat('x', 513))", "key_is_1_to_512_bytes"),
    ("emit('a', '1', occurred_at => null)", "occurred_at_is_from_1970_to_9999"),
    ("emit('a', '1', occurred_at => 'infinity')", "occurred_at_is_from_1970_to_9999"),
    ("emit('a', '1', occurred_at => '1969-12-31 23:59:59+00')", "occurred_at_is_from_1970_to_9999"),
    ("emit('a', '1', occurred_at => '10000-01-01 00:00+00')", "occurred_at_is_from_1970_to_9999"),
]


@pytest.mark.parametrize(("call", "rule"), CALLS, ids=lambda value: str(value)[:50])
async def test_a_function_refuses(db, owned, call, rule):
    error = await refused(db, f"select webhooks.{call.replace('(1', f'({owned}')}")
    judge(error, rule, "23514" if rule == "secret_is_given" else "22023")


@pytest.mark.parametrize(
    ("state", "call"), [("disabled", "pause"), ("inactive", "pause"), ("disabled", "resume"), ("paused", "activate")]
)
async def test_a_move_that_is_not_allowed_says_which_are(db, owned, state, call):
    await db.execute("update webhooks.endpoints set state = $1", state)
    judge(await refused(db, f"select webhooks.{call}({owned})"), "state_allows_it", "22023")


# --- events


TYPE = "type_is_dotted_words_of_at_most_128_bytes"
FAR = "ffffffff-7c00-7000-8000-000000000001"
EVENTS = [
    ("type", "'no type'", "23514", TYPE), ("type", "''", "23514", TYPE), ("type", "repeat('x', 129)", "23514", TYPE),
    ("type", "null", "23502", None), ("type", "'webhook.a'", "23514", "type_prefix_webhook_is_reserved"),
    ("data", "null", "23502", None), ("data", "'{'", "22P02", None),
    ("data", "to_json(repeat('x', 999999))", "23514", "data_is_at_most_1000000_bytes"),
    ("context", "to_json(repeat('x', 999999))", "23514", "context_is_at_most_1000000_bytes"),
    ("tenant", "null", "23502", None), ("tenant", "repeat('x', 257)", "23514", "tenant_is_at_most_256_bytes"),
    ("key", "''", "23514", "key_is_1_to_512_bytes"), ("key", "repeat('x', 513)", "23514", "key_is_1_to_512_bytes"),
    ("occurred_at", "null", "23502", None),
    ("occurred_at", "'infinity'", "23514", "occurred_at_is_from_1970_to_9999"),
    ("occurred_at", "'1969-12-31 23:59:59+00'", "23514", "occurred_at_is_from_1970_to_9999"),
    ("occurred_at", "'10000-01-01 00:00+00'", "23514", "occurred_at_is_from_1970_to_9999"),
    ("id", "gen_random_uuid()", "23514", "id_is_uuidv7"), ("id", "null", "23502", None),
    ("id", f"'{FAR}'", "23514", "id_is_recent"), ("id", f"'0{FAR[1:]}'", "23514", "id_is_recent"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value", "sqlstate", "rule"), EVENTS)
async def test_an_insert_of_an_event_is_refused_by_name(db, column, value, sqlstate, rule):
    given = {"type": "'a'", "data": "'1'", column: value}
    error = await refused(db, f"insert into webhooks.events ({', '.join(given)}) values ({', '.join(given.values())})")
    assert (error.sqlstate, error.constraint_name) == (sqlstate, rule)
    assert await db.fetchval("select count(*) from webhooks.events") == 0


async def test_an_event_is_never_updated_not_even_by_its_owner(db):
    await db.execute("insert into webhooks.events (type, data) values ('a', '1')")
    judge(await refused(db, "update webhooks.events set type = 'b'"), "events_are_insert_only", "22023")


@pytest.mark.parametrize("column", ["due_at", "retry_at", "created_at"])
async def test_a_delivery_has_no_infinite_instant(db, owned, column):
    # Before Postgres 17 one such row would fail every look at the table.
    with pytest.raises(asyncpg.CheckViolationError, match="instants_are_finite"):
        await db.execute(
            f"insert into webhooks.deliveries (event_id, endpoint_id, {column}) "
            "values (webhooks.uuidv7(), $1, 'infinity')", owned,
        )  # fmt: skip
