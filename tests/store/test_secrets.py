"""What rows keep secret is found whatever else is in them, and written only where it still is as it was read."""

from dataclasses import replace

import pytest

from dispatcher.store.secrets import look_through, read, rewrite
from tests.support.postgres import change_past_the_trigger
from tests.support.sql import endpoint, subscribe

PREFIX = "sealed:v1:k1:"
SEALED = f"{PREFIX}AAECAwQFBgcICQoLNvg9CD36wlC40hxuPW6vmQ=="
URL = "https://example.com/hook"


async def has_plain(session, endpoint_id: int, prefix: str = PREFIX) -> bool:
    last, found = await look_through(session, endpoint_id - 1, 1, prefix)
    assert last == endpoint_id
    return bool(found)


@pytest.mark.parametrize(
    ("columns", "plain"),
    [
        (f"secret = '{SEALED}'", False),
        (f"secret = '{SEALED}', api_key = 'key'", True),
        (f"secret = '{SEALED}', api_key = '{SEALED}'", False),
        (f"secret = '{SEALED}', previous_secret = 'x', previous_secret_until = now()", True),
        (f"""secret = '{SEALED}', headers = '{{"A": "{SEALED}", "B":"{SEALED}"}}'""", False),
        (f"""secret = '{SEALED}', headers = '{{"A": "{SEALED}", "B":"b"}}'""", True),
        (f"""secret = '{SEALED}', headers = '{{"A":"\\": \\"{SEALED}\\""}}'""", True),
        (f"""secret = '{SEALED}', headers = '{{"A": ""}}'""", True),
        (f"secret = '{SEALED}', headers = '{{}}'", False),
        ("secret = null", False),
        (f"secret = '{SEALED.replace('k1', 'k2')}'", True),
    ],
)
async def test_a_value_that_does_not_begin_as_it_should_is_found(database, session, db, columns, plain):
    endpoint_id, _ = await subscribe(db, URL)
    await change_past_the_trigger(database, f"update webhooks.endpoints set {columns} where id = {endpoint_id}")
    assert await has_plain(session, endpoint_id) is plain


@pytest.mark.parametrize(
    "headers",
    [
        '{"a":"plain","b":' + "[" * 300 + "]" * 300 + "}",
        '{"a":"\\u0000"}',
        '{"a":"\\ud800"}',
        '{"a":[{"b":1}]}',
        '{"a":1e999}',
        '{"a":"b","a":"c"}',
    ],
    ids=lambda headers: headers[:30],
)
async def test_headers_that_slipped_in_fail_nothing(database, session, db, headers):
    endpoint_id, _ = await subscribe(db, URL)
    await change_past_the_trigger(
        database, f"update webhooks.endpoints set headers = '{headers}' where id = {endpoint_id}"
    )
    assert await has_plain(session, endpoint_id)
    (stored,) = await read(session, [endpoint_id])
    sealed = replace(stored.secrets, secret=SEALED)
    assert (await rewrite(session, [(stored, sealed)])).done == {endpoint_id}
    assert await session.fetch("count_sealed")


async def test_slices_follow_one_another_to_the_end(session, db):
    ids = [(await subscribe(db, URL))[0] for _ in range(5)]
    after, seen = 0, []
    while after is not None:
        after, found = await look_through(session, after, 2, PREFIX)
        seen.append([each.endpoint_id for each in found])
    assert seen == [ids[:2], ids[2:4], ids[4:], []]


CHANGES = [
    "secret = 'whsec_' || encode(repeat('x', 24)::bytea, 'base64')",
    "previous_secret = secret, previous_secret_until = now()",
    "api_key = 'other'",
    """headers = '{"X-One":"2"}'""",
    """headers = '{"X-One":  "1"}'""",
    "tenant = 'other'",
    "api_key = null",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_what_was_changed_meanwhile_is_left_as_it_is_now(session, db, change):
    endpoint_id, _ = await subscribe(db, URL, api_key="key", headers='{"X-One":"1"}')
    other, _ = await subscribe(db, URL)
    pairs = [(stored, replace(stored.secrets, secret=SEALED)) for stored in await read(session, [endpoint_id, other])]
    await db.execute(f"update webhooks.endpoints set {change} where id = $1", endpoint_id)
    before = await endpoint(db, endpoint_id)
    written = await rewrite(session, pairs)
    assert (written.done, written.refused) == ({other}, {})
    assert await endpoint(db, endpoint_id) == before
    assert (await endpoint(db, other))["secret"] == SEALED


async def test_what_is_gone_is_none(session, db):
    endpoint_id, _ = await subscribe(db, URL)
    (stored,) = await read(session, [endpoint_id])
    await db.execute("delete from webhooks.endpoints")
    assert await read(session, [endpoint_id]) == []
    assert (await rewrite(session, [(stored, stored.secrets)])).done == set()
    assert (await rewrite(session, [])).done == set()
