"""What is refused names its rule and says what is allowed, and no message shows a secret or the row."""

import base64
from typing import NamedTuple

import asyncpg
import pytest

from dispatcher.errors import StatementFailed
from dispatcher.store import rows
from dispatcher.store.session import PLANS, Login, Session
from tests.support.postgres import connected
from tests.support.sql import subscribe

URL = "https://example.com/hook?token=hidden-query"
SECRET = "whsec_" + base64.b64encode(b"hidden-secret-of-24-bytes").decode()
API_KEY = "hidden-api-key"
HEADERS = '{"Authorization": "hidden-header"}'
HIDDEN = ("hidden", SECRET[6:])


def key_of(size: int) -> str:
    return "whsec_" + base64.b64encode(b"hidden-" + bytes(size - 7)).decode()


class Refusal(NamedTuple):
    """An endpoint's column, what is written there, and the rule that refuses it."""

    column: str
    value: object
    rule: str
    also: str = ""


LONG_NAME = "x" * 201
NOT_PRINTABLE = "hidden\u00e9"
REFUSALS = [
    Refusal("tenant", "x" * 257, "tenant_is_at_most_256_bytes"),
    Refusal("tenant", "é" * 129, "tenant_is_at_most_256_bytes"),
    Refusal("tenant", None, "tenant_is_at_most_256_bytes"),
    Refusal("name", "", "name_is_1_to_200_characters"),
    Refusal("name", LONG_NAME, "name_is_1_to_200_characters"),
    Refusal("url", None, "url_is_http_or_https"),
    Refusal("url", "", "url_is_http_or_https"),
    Refusal("url", "ftp://example.com/hidden", "url_is_http_or_https"),
    Refusal("url", "https://user:hidden@example.com/", "url_is_http_or_https"),
    Refusal("url", "https://example.com/?hidden#hidden", "url_is_http_or_https"),
    Refusal("url", "https://example.com/hidden path", "url_is_http_or_https"),
    Refusal("url", "https://example.com:0/hidden", "url_is_http_or_https"),
    Refusal("url", "https://example.com/" + "hidden" * 400, "url_is_http_or_https"),
    Refusal("profile", "hidden", "profile_is_known"),
    Refusal("profile", "", "profile_is_known"),
    Refusal("secret", "", "secret_is_given"),
    Refusal("secret", "hidden", "secret_is_given"),
    Refusal("secret", "whsec_hidden", "secret_is_given"),
    Refusal("secret", key_of(23), "secret_is_given"),
    Refusal("secret", key_of(65), "secret_is_given"),
    Refusal("secret", SECRET + "\n", "secret_is_given"),
    Refusal("api_key", "", "api_key_is_printable"),
    Refusal("api_key", NOT_PRINTABLE, "api_key_is_printable"),
    Refusal("api_key", " hidden", "api_key_is_printable"),
    Refusal("api_key", "hidden\r\nX-Evil: 1", "api_key_is_printable"),
    Refusal("api_key", "hidden" * 700, "api_key_is_printable"),
    Refusal("headers", '["hidden"]', "headers_are_allowed"),
    Refusal("headers", '{"Host": "hidden"}', "headers_are_allowed"),
    Refusal("headers", '{"webhook-id": "hidden"}', "headers_are_allowed"),
    Refusal("headers", '{"X": 1}', "headers_are_allowed"),
    Refusal("headers", '{"X": "hidden\\u0000"}', "headers_are_allowed"),
    Refusal("headers", '{"X": "hidden\\r\\nY: 1"}', "headers_are_allowed"),
    Refusal("headers", '{"not a name": "hidden"}', "headers_are_allowed"),
    Refusal("headers", '{"X-API-Key": "hidden"}', "headers_are_allowed", also="api_key"),
    Refusal("timeout_s", 1.99, "timeout_s_is_2_to_30"),
    Refusal("timeout_s", 30.01, "timeout_s_is_2_to_30"),
    Refusal("timeout_s", "NaN", "timeout_s_is_2_to_30"),
    Refusal("max_in_flight", 0, "max_in_flight_is_1_to_1000"),
    Refusal("max_in_flight", 1001, "max_in_flight_is_1_to_1000"),
    Refusal("max_attempts", 0, "max_attempts_is_1_to_100"),
    Refusal("max_attempts", 101, "max_attempts_is_1_to_100"),
    Refusal("rate_limit", 0, "rate_limit_is_above_0"),
    Refusal("rate_limit", -1, "rate_limit_is_above_0"),
    Refusal("rate_limit", "NaN", "rate_limit_is_above_0"),
    Refusal("rate_limit", "Infinity", "rate_limit_is_above_0"),
    Refusal("ordered", None, "ordered_is_true_or_false"),
]
ONLY_IN_TABLES = [
    Refusal("state", "hidden", "state_is_known"),
    Refusal("state", None, "state_is_known"),
    Refusal("previous_secret", SECRET, "previous_secret_has_an_end"),
    Refusal("previous_secret", "hidden", "previous_secret_has_an_end"),
    Refusal("previous_secret_until", "2030-01-01", "previous_secret_has_an_end"),
    Refusal("created_at", None, "created_at_is_given"),
    Refusal("state_at", None, "state_at_is_given"),
]
KINDS = {
    "headers": "json", "timeout_s": "numeric", "rate_limit": "numeric", "max_in_flight": "int", "max_attempts": "int",
    "ordered": "boolean", "created_at": "timestamptz", "state_at": "timestamptz",
    "previous_secret_until": "timestamptz",
}  # fmt: skip


def ids(refusal: Refusal) -> str:
    return f"{refusal.column}-{str(refusal.value)[:30]!r}-{len(str(refusal.value))}"


def place(number: int, column: str) -> str:
    return f"${number}::text::{KINDS.get(column, 'text')}"


def text(value: object) -> str | None:
    return None if value is None else str(value)


async def refused(db, statement: str, *args: object) -> asyncpg.PostgresError:
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with db.transaction():
            await db.execute(statement, *args)
    return caught.value


def judge(error: asyncpg.PostgresError, rule: str, *sqlstates: str) -> None:
    assert (error.sqlstate in sqlstates, error.constraint_name) == (True, rule), (error.sqlstate, error.args)
    assert error.hint
    assert error.detail is None
    shown = " ".join(str(value) for name, value in error.as_dict().items() if name != "query")
    assert not [word for word in HIDDEN if word in shown], shown


async def own(db) -> int:
    """An endpoint with every secret there is."""
    endpoint_id, _ = await subscribe(db, URL, secret=SECRET, api_key=API_KEY, headers=HEADERS)
    await db.execute("update webhooks.endpoints set previous_secret = secret, previous_secret_until = now()")
    return endpoint_id


@pytest.fixture(scope="module")
async def _shared(cluster):
    async with cluster.database() as database, connected(database.dsn) as connection:
        yield connection


@pytest.fixture
async def db(_shared):
    """One database for all of these: what is refused leaves nothing, and what is not is rolled back."""
    transaction = _shared.transaction()
    await transaction.start()
    yield _shared
    await transaction.rollback()


@pytest.fixture
async def owned(db) -> int:
    return await own(db)


# --- endpoints: by function, by INSERT, by UPDATE


@pytest.mark.parametrize("refusal", [case for case in REFUSALS if case.column != "secret" or case.value], ids=ids)
async def test_subscribe_refuses(db, refusal):
    given = {"url": URL, "secret": SECRET} | ({"api_key": API_KEY} if refusal.also else {})
    given[refusal.column] = text(refusal.value)
    named = ", ".join(f"{name} => {place(number, name)}" for number, name in enumerate(given, 1))
    error = await refused(db, f"select webhooks.subscribe({named})", *given.values())
    judge(error, refusal.rule, "23514")


@pytest.mark.parametrize("refusal", [*REFUSALS, *ONLY_IN_TABLES], ids=ids)
async def test_an_insert_into_endpoints_refuses(db, refusal):
    given = {"url": URL, "secret": SECRET} | ({"api_key": API_KEY} if refusal.also else {})
    given[refusal.column] = text(refusal.value)
    places = ", ".join(place(number, name) for number, name in enumerate(given, 1))
    error = await refused(db, f"insert into webhooks.endpoints ({', '.join(given)}) values ({places})", *given.values())
    judge(error, refusal.rule, "23514")


@pytest.mark.parametrize(
    "refusal", [*REFUSALS, *(case for case in ONLY_IN_TABLES if not case.column.startswith("previous"))], ids=ids
)
async def test_an_update_of_endpoints_refuses_and_shows_nothing_of_the_row(db, owned, refusal):
    statement = f"update webhooks.endpoints set {refusal.column} = {place(2, refusal.column)} where id = $1"
    judge(await refused(db, statement, owned, text(refusal.value)), refusal.rule, "23514")


@pytest.mark.parametrize(
    "change", ["previous_secret = null", "previous_secret_until = null", "previous_secret = 'hidden'"]
)
async def test_an_update_cannot_part_a_previous_secret_from_its_end(db, owned, change):
    error = await refused(db, f"update webhooks.endpoints set {change} where id = {owned}")
    judge(error, "previous_secret_has_an_end", "23514")


@pytest.mark.parametrize("role", ["app_owner", "app_operator"])
async def test_nothing_hidden_reaches_the_log_of_the_server(cluster, database, role):
    mark = f"'mark {database.name} {role}'"
    async with connected(database.dsn) as owner:
        owned = await own(owner)
    async with connected(database.dsn_as(role)) as connection:
        for refusal in [*REFUSALS, *ONLY_IN_TABLES]:
            statement = f"update webhooks.endpoints set {refusal.column} = {place(2, refusal.column)} where id = $1"
            if not refusal.column.startswith("previous"):
                await refused(connection, f"{statement} and {mark} <> ''", owned, text(refusal.value))
    said = cluster.log.split("\n")
    mine = [number for number, line in enumerate(said) if mark in line]
    assert len(mine) == len(REFUSALS) + len(ONLY_IN_TABLES) - 3
    blocks = [line for number in mine for line in said[max(0, number - 12) : number + 1]]
    assert not [line for line in blocks if any(word in line for word in HIDDEN) and "STATEMENT" not in line]


# --- subscriptions


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


async def test_a_subscription_written_twice_is_refused(db, owned):
    error = await refused(db, "insert into webhooks.subscriptions (endpoint_id, pattern) values ($1, '*')", owned)
    judge(error, "subscription_is_written_once", "23505", "23514", "22023")


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
    ("resume(1)", None),
    ("activate(1)", None),
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


@pytest.mark.parametrize(("call", "rule"), [case for case in CALLS if case[1]], ids=lambda value: str(value)[:50])
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


# --- what is not refused can be read


@pytest.mark.parametrize(
    "change",
    [
        "rate_limit = 1e400", "rate_limit = 1e-400", "timeout_s = 2.00000000000000000000001", "max_in_flight = 1000",
        "previous_secret = secret, previous_secret_until = 'infinity'",
        "previous_secret = secret, previous_secret_until = '20000-01-01'",
        "parked_until = 'infinity'", "failing_since = 'infinity'", "failing_since = '-infinity'",
    ],
)  # fmt: skip
async def test_no_endpoint_can_be_written_that_keeps_the_dispatcher_from_reading_the_others(database, change):
    async with connected(database.dsn) as owner:
        owned, (other, _) = await own(owner), await subscribe(owner, URL)
        try:
            await owner.execute(f"update webhooks.endpoints set {change} where id = {owned}")
        except asyncpg.PostgresError as error:
            assert error.hint, "refused: then with a hint"  # noqa: PT017 either is right: refused, or readable
            return
    session = Session(Login(database.dsn, settings=PLANS), "test")
    try:
        found = await session.fetch("read_endpoints", [owned, other])
    except (StatementFailed, OverflowError) as error:
        pytest.fail(f"cannot be read: {str(error)[:100]}")
    finally:
        await session.close()
    read = [rows.endpoint(row, timeout_s=15.0, max_in_flight=8, max_attempts=14) for row in found]
    assert [endpoint.id for endpoint in read] == [owned, other]
    assert all(e.previous_secret_until is None or e.previous_secret_until.tzinfo for e in read), "no time zone"
