"""What the command line and the HTTP API do by hand: endpoints by name, deliveries cancelled; in the schema's words."""

import json

import asyncpg
import pytest

from tests.support.refusals import URL, refused
from tests.support.sql import attempts, deliveries, endpoint, insert, subscribe
from tests.support.stages import fan_out

WHOLE = {
    "url": URL, "types": ["a.*", "b.c"], "tenant": "acme", "name": "ERP", "profile": "standard",
    "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "api_key": "k", "headers": {"X-A": "b"},
    "timeout_s": 2.5, "max_in_flight": 1000, "max_attempts": 100, "rate_limit": 0.5, "ordered": True,
    "filter": "$.a > 1",
}  # fmt: skip


async def create(db: asyncpg.Connection, **settings: object) -> tuple[int, str]:
    row = await db.fetchrow("select * from webhooks.create_endpoint($1::text::json)", json.dumps(settings))
    return row["endpoint_id"], row["secret"]


async def update(db: asyncpg.Connection, endpoint_id: int, **changes: object) -> None:
    await db.execute("select webhooks.update_endpoint($1, $2::text::json)", endpoint_id, json.dumps(changes))


async def settings(db: asyncpg.Connection, endpoint_id: int) -> dict[str, object]:
    row = await db.fetchrow("select * from webhooks.endpoint_settings where endpoint_id = $1", endpoint_id)
    return dict(row)


async def subscriptions(db: asyncpg.Connection, endpoint_id: int) -> list[tuple[str, str | None]]:
    rows = await db.fetch(
        "select pattern, filter::text from webhooks.subscriptions where endpoint_id = $1 order by 1, 2", endpoint_id
    )
    return [tuple(row) for row in rows]


# --- create_endpoint


async def test_an_endpoint_made_by_names_is_the_one_that_subscribe_makes(db):
    one, secret = await create(db, **WHOLE)
    given = {**WHOLE, "headers": json.dumps(WHOLE["headers"])}
    types = given.pop("types")
    other, _ = await subscribe(db, given.pop("url"), "{" + ",".join(types) + "}", **given)
    mine, theirs = dict(await endpoint(db, one)), dict(await endpoint(db, other))
    for each in (mine, theirs):
        for name in ("id", "created_at", "state_at"):
            del each[name]
    assert mine == theirs
    assert secret == WHOLE["secret"]
    assert await subscriptions(db, one) == await subscriptions(db, other)


async def test_an_endpoint_of_a_url_alone_has_all_defaults(db):
    one, secret = await create(db, url=URL)
    two, _ = await subscribe(db, URL)
    assert secret.startswith("whsec_")
    mine, theirs = await settings(db, one), await settings(db, two)
    for each in (mine, theirs):
        for name in ("endpoint_id", "created_at", "state_at"):
            del each[name]
    assert mine == theirs


async def test_null_is_as_if_it_were_not_given_where_there_is_a_default(db):
    one, _ = await create(db, url=URL, name=None, timeout_s=None, headers=None, filter=None, api_key=None)
    row = await settings(db, one)
    assert [row[name] for name in ("name", "timeout_s", "filter", "has_api_key", "header_names")] == [
        None, None, None, False, [],
    ]  # fmt: skip


SAME_WORDS = [
    ("url", "ftp://example.com/"), ("url", "https://127.1/"), ("url", "https://user:pw@example.com/"), ("url", ""),
    ("types", ["a b"]), ("types", []), ("types", ["a", "*.b"]), ("tenant", "x" * 257), ("name", ""),
    ("profile", "nobody"), ("secret", "short"), ("api_key", "a\nb"), ("headers", {"Host": "a"}), ("timeout_s", 1),
    ("timeout_s", 31),
    ("max_in_flight", 0), ("max_in_flight", 1001), ("max_attempts", 101), ("rate_limit", 0), ("rate_limit", -1.5),
    ("filter", "$.amount"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SAME_WORDS)
async def test_what_is_refused_is_refused_in_the_words_of_subscribe(db, name, value):
    made = {"url": URL, name: value}
    by_name = await refused(db, "select webhooks.create_endpoint($1::text::json)", json.dumps(made))
    casts = {"types": "text[]", "headers": "text::json", "timeout_s": "numeric", "rate_limit": "numeric",
             "max_in_flight": "int", "max_attempts": "int", "filter": "text::jsonpath"}  # fmt: skip
    given = json.dumps(value) if name == "headers" else value
    named = f"{name} => $1::{casts.get(name, 'text')}"
    url = "" if name == "url" else f"url => '{URL}', "
    text = f"select webhooks.subscribe({url}{named})"
    by_position = await refused(db, text, given)
    for each in ("sqlstate", "constraint_name", "hint", "detail"):
        assert getattr(by_name, each) == getattr(by_position, each), each
    assert by_name.args == by_position.args


@pytest.mark.parametrize(
    ("given", "rule", "words"),
    [
        ({"url": URL, "timeuot_s": 3}, "setting_is_known", "did you mean timeout_s"),
        ({"url": URL, "state": "active"}, "setting_is_known", "'state' is no setting"),
        ({"url": 3}, "url_is_of_its_kind", "url is of kind number"),
        ({"url": URL, "timeout_s": "3"}, "timeout_s_is_of_its_kind", "number or null"),
        ({"url": URL, "types": "a"}, "types_is_of_its_kind", "array"),
        ({"url": URL, "types": [1]}, "types_are_given", "no string"),
        ({"url": URL, "types": None}, "types_are_given", "null"),
        ({"url": URL, "headers": []}, "headers_is_of_its_kind", "object or null"),
        ({"url": URL, "ordered": 1}, "ordered_is_of_its_kind", "boolean"),
        ({"url": URL, "ordered": None}, "ordered_is_true_or_false", "null"),
        ({"url": URL, "max_in_flight": 1.5}, "max_in_flight_is_1_to_1000", "max_in_flight is 1.5"),
        ({"url": URL, "max_in_flight": 10**20}, "max_in_flight_is_1_to_1000", "max_in_flight is 1"),
        ({"url": URL, "max_attempts": 10**20}, "max_attempts_is_1_to_100", "1 to 100"),
        ({"url": URL, "rate_limit": 10**50}, "rate_limit_is_above_0", "rate_limit is 1"),
        ({"url": URL, "filter": "$.a >"}, "filter_is_a_predicate", "it is no jsonpath"),
        ({"url": URL, "name": "a\0b"}, "settings_are_text", "NUL"),
        ({"url": URL, "types": ["a\0b"]}, "settings_are_text", "NUL"),
        ({}, "url_is_http_or_https", "it is null"),
        ([], "settings_are_an_object", "JSON object"),
        (None, "settings_are_an_object", "JSON object"),
    ],
)
async def test_what_is_no_setting_is_refused_by_name(db, given, rule, words):
    error = await refused(db, "select webhooks.create_endpoint($1::text::json)", json.dumps(given))
    assert error.constraint_name == rule, error
    assert words in f"{error} {error.hint}"
    assert error.detail is None


@pytest.mark.parametrize("number", ["1e400", "1e200000", "-1e99999999999", "1" * 5000])
@pytest.mark.parametrize("name", ["timeout_s", "max_in_flight", "max_attempts", "rate_limit"])
async def test_a_number_beyond_all_is_refused_as_itself(db, name, number):
    text = f'{{"url": "{URL}", "{name}": {number}}}'
    error = await refused(db, "select webhooks.create_endpoint($1::text::json)", text)
    assert (error.constraint_name or "").startswith(f"{name}_is_"), error
    assert f"{name} is " in str(error)


# --- update_endpoint


@pytest.fixture
async def whole(db):
    endpoint_id, _ = await create(db, **WHOLE)
    return endpoint_id


CHANGES = [
    ("url", "https://example.org/other"), ("name", None), ("name", "CRM"), ("profile", "cloudevents"),
    ("timeout_s", None), ("timeout_s", 30), ("max_in_flight", 7), ("max_attempts", None), ("rate_limit", 3),
    ("ordered", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), CHANGES)
async def test_a_change_touches_what_is_given_and_nothing_else(db, whole, name, value):
    if name == "profile":
        await db.execute("insert into webhooks.profiles (name) values ('cloudevents') on conflict do nothing")
    before, subscribed = dict(await endpoint(db, whole)), await subscriptions(db, whole)
    await update(db, whole, **{name: value})
    after = dict(await endpoint(db, whole))
    assert {key for key in after if after[key] != before[key]} == {name}
    assert after[name] == value
    assert await subscriptions(db, whole) == subscribed


async def test_a_change_of_nothing_changes_nothing(db, whole):
    before = dict(await endpoint(db, whole))
    await update(db, whole)
    assert dict(await endpoint(db, whole)) == before


async def test_headers_and_api_key_can_be_set_and_taken_away(db, whole):
    await update(db, whole, headers={"X-B": "c"}, api_key="other")
    row = await endpoint(db, whole)
    assert (json.loads(row["headers"]), row["api_key"]) == ({"X-B": "c"}, "other")
    await update(db, whole, headers=None, api_key=None)
    row = await settings(db, whole)
    assert (row["header_names"], row["has_api_key"]) == ([], False)


async def test_a_secret_that_is_given_replaces_the_former_one_at_once(db, whole):
    await db.execute("select webhooks.rotate_secret($1)", whole)
    await update(db, whole, secret=WHOLE["secret"])
    row = await endpoint(db, whole)
    assert (row["secret"], row["previous_secret"], row["previous_secret_until"]) == (WHOLE["secret"], None, None)


async def test_patterns_that_stay_keep_their_filters(db):
    endpoint_id, _ = await create(db, url=URL, types=["a", "b"], filter="$.a > 1")
    await db.execute("update webhooks.subscriptions set filter = '$.b > 2' where pattern = 'b'")
    await update(db, endpoint_id, types=["b", "c"])
    assert await subscriptions(db, endpoint_id) == [("b", '($."b" > 2)'), ("c", None)]


async def test_new_patterns_get_the_filter_that_all_others_have(db, whole):
    await update(db, whole, types=["a.*", "z"])
    assert await subscriptions(db, whole) == [("a.*", '($."a" > 1)'), ("z", '($."a" > 1)')]


@pytest.mark.parametrize(("given", "is_"), [("$.z == 1", '($."z" == 1)'), (None, None)])
async def test_a_filter_that_is_given_is_that_of_all_patterns(db, whole, given, is_):
    await db.execute(
        "insert into webhooks.subscriptions (endpoint_id, pattern, filter) values ($1, 'b.c', '$.x == 1')", whole
    )
    await update(db, whole, filter=given)
    assert await subscriptions(db, whole) == [("a.*", is_), ("b.c", is_)]
    assert (await settings(db, whole))["filter"] == is_


async def test_a_refused_change_changes_nothing(db, whole):
    before, subscribed = dict(await endpoint(db, whole)), await subscriptions(db, whole)
    changes = {"name": "other", "types": ["x"], "timeout_s": 99}
    error = await refused(db, "select webhooks.update_endpoint($1, $2::text::json)", whole, json.dumps(changes))
    assert error.constraint_name == "timeout_s_is_2_to_30"
    assert dict(await endpoint(db, whole)) == before
    assert await subscriptions(db, whole) == subscribed


@pytest.mark.parametrize("changes", [{"tenant": "b"}, {"state": "paused"}, {"id": 3}, {"parked_until": None}])
async def test_what_cannot_be_changed_is_said_by_name(db, whole, changes):
    error = await refused(db, "select webhooks.update_endpoint($1, $2::text::json)", whole, json.dumps(changes))
    assert error.constraint_name == "setting_is_known"
    assert repr(next(iter(changes))) in str(error)


async def test_profile_and_patterns_change_together_where_neither_fits_without_the_other(db):
    await db.execute("insert into webhooks.profiles (name, strict) values ('one', true), ('two', true)")
    await db.execute(
        "insert into webhooks.event_types values ('one', 'a.made', 'A', '{}'), ('two', 'b.made', 'B', '{}')"
    )
    endpoint_id, _ = await create(db, url=URL, profile="one", types=["a.made"])
    await update(db, endpoint_id, profile="two", types=["b.made"])
    row = await settings(db, endpoint_id)
    assert (row["profile"], row["types"]) == ("two", ["b.made"])


async def test_no_secret_is_in_what_shows_an_endpoint(db, whole):
    await db.execute("select webhooks.rotate_secret($1)", whole)
    row = await endpoint(db, whole)
    shown = str(await settings(db, whole))
    for name in ("secret", "previous_secret"):
        assert row[name] not in shown, name
    assert json.loads(row["headers"])["X-A"] == "b"
    assert (await settings(db, whole))["header_names"] == ["x-a"]


# --- cancel


async def test_a_cancelled_delivery_ends_with_that_recorded(db, delivery):
    delivery_id, endpoint_id = delivery
    assert await db.fetchval("select webhooks.cancel($1)", delivery_id)
    assert await deliveries(db, endpoint_id) == []
    assert await attempts(db, endpoint_id) == [(None, "cancelled", "cancelled", None)]
    assert not await db.fetchval("select webhooks.cancel($1)", delivery_id)


async def test_there_is_nothing_to_cancel_of_what_is_not_open(db):
    assert not await db.fetchval("select webhooks.cancel(99)")
    assert not await db.fetchval("select webhooks.cancel(null)")


async def test_cancelling_one_leaves_the_others(db, session):
    endpoint_id, _ = await subscribe(db, URL)
    for _ in range(3):
        await insert(db)
    await fan_out(session)
    one, two, three = [row["id"] for row in await deliveries(db, endpoint_id)]
    await db.fetchval("select webhooks.cancel($1)", two)
    assert [row["id"] for row in await deliveries(db, endpoint_id)] == [one, three]
