"""What an endpoint cannot be: by function, by INSERT, by UPDATE. And what it can be, the dispatcher can read."""

import base64
from typing import NamedTuple

import asyncpg
import pytest

from dispatcher.errors import StatementFailed
from dispatcher.store import rows
from dispatcher.store.session import PLANS, Login, Session
from tests.support.postgres import connected
from tests.support.refusals import API_KEY, HIDDEN, SECRET, URL, judge, own, refused
from tests.support.sql import subscribe


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


async def test_a_state_cannot_be_taken_away(db, owned):
    error = await refused(db, "update webhooks.endpoints set state = null where id = $1", owned)
    judge(error, "state_is_known", "23514")


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
