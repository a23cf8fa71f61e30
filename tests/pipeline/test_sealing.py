"""Secrets at rest in a running dispatcher: sealed on sight, opened to be sent, never a request without them."""

import json

import pytest
from structlog.testing import capture_logs

from dispatcher.policy.sealing import kid_of
from tests.support.eventually import eventually
from tests.support.keys import SEALING, SECOND, keyring, keys_file, line
from tests.support.postgres import change_past_the_trigger, connected
from tests.support.sql import all_settled, attempts, endpoint, insert, subscribe

HEADERS = '{"X-One": "1", "Authorization": "Bearer \\"x\\""}'


def values_of(row) -> list[str]:
    headers = json.loads(row["headers"] or "{}")
    return [value for value in (row["secret"], row["previous_secret"], row["api_key"], *headers.values()) if value]


async def key_ids(db, endpoint_id: int) -> set[str | None]:
    """Of all values of an endpoint."""
    return {kid_of(value) for value in values_of(await endpoint(db, endpoint_id))}


async def sealed_with(db, endpoint_id: int, *expected: str, within: float = 30.0) -> None:
    async def so() -> bool:
        assert await key_ids(db, endpoint_id) == set(expected)
        return True

    await eventually(so, within)


@pytest.fixture
def keys(tmp_path) -> dict[str, str]:
    return {"secrets__keys_file": keys_file(tmp_path)}


async def test_a_secret_is_sealed_within_a_second_and_signs_as_before(running, db, receiver, keys):
    async with running(**keys, dispatch__poll_s=3600):
        endpoint_id, secret = await subscribe(db, receiver.url())
        assert secret.startswith("whsec_")
        await sealed_with(db, endpoint_id, "k1", within=1)
        row = await endpoint(db, endpoint_id)
        assert keyring().open(row["secret"], "", endpoint_id, "secret") == secret
        await insert(db)
        await all_settled(db)
    (request,) = receiver.requests
    assert request.verified(secret)


async def test_what_was_there_before_is_sealed_at_start_names_of_headers_apart(running, db, receiver, keys):
    endpoint_id, secret = await subscribe(
        db, receiver.url(), headers=HEADERS, api_key="key", tenant="acme|1", max_in_flight=1
    )
    plain, _ = await subscribe(db, receiver.url(), types="{other}")
    async with running(**keys):
        await sealed_with(db, endpoint_id, "k1")
        await sealed_with(db, plain, "k1")
        assert list(json.loads((await endpoint(db, endpoint_id))["headers"])) == ["X-One", "Authorization"]
        await insert(db, tenant="acme|1")
        await all_settled(db)
    (request,) = receiver.requests
    assert request.verified(secret)
    assert (request.headers["x-one"], request.headers["authorization"]) == ("1", 'Bearer "x"')
    assert request.headers["x-api-key"] == "key"


async def test_all_of_many_are_sealed_in_slices_and_ring_no_further(running, db, keys):
    await db.execute(
        "insert into webhooks.endpoints (url) select 'https://example.com/' || n from generate_series(1, 700) n"
    )
    with capture_logs() as logs:
        async with running(**keys):
            left = "select count(*) = 0 from webhooks.endpoints where secret not like 'sealed:v1:k1:%'"
            await eventually(lambda: db.fetchval(left))
            await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.changes"))
            await insert(db)
            await all_settled(db)
            made = await db.fetchval("select nextval(pg_get_serial_sequence('webhooks.changes', 'id'))")
    said = [(line["endpoints"], line["key"]) for line in logs if line["event"] == "secret.sealed"]
    assert said == [(300, "k1"), (300, "k1"), (100, "k1")]
    assert made == 1401


async def test_both_secrets_of_a_rotation_sign_though_one_is_sealed_and_one_is_not(running, db, receiver, keys):
    async with running(**keys):
        endpoint_id, old = await subscribe(db, receiver.url())
        await sealed_with(db, endpoint_id, "k1")
        before = (await endpoint(db, endpoint_id))["secret"]
        new = await db.fetchval("select webhooks.rotate_secret($1)", endpoint_id)
        await insert(db)
        await sealed_with(db, endpoint_id, "k1")
        assert (await endpoint(db, endpoint_id))["previous_secret"] == before
        await insert(db)
        await all_settled(db)
    assert len(receiver.requests) == 2
    for request in receiver.requests:
        assert request.verified(new)
        assert request.verified(old)


async def test_without_the_key_nothing_is_sent_and_with_it_all_is(running, db, receiver, tmp_path, keys):
    endpoint_id, secret = await subscribe(db, receiver.url(), api_key="key")
    async with running(**keys):
        await sealed_with(db, endpoint_id, "k1")
    other = {"secrets__keys_file": keys_file(tmp_path, line("k2", SECOND), name="other")}
    with capture_logs() as logs:
        async with running(**other):
            event_id = await insert(db)
            await eventually(lambda: attempted(db, 2))
            assert set(await attempts(db)) == {(None, "retrying", "secret", None)}
    assert not receiver.requests
    said = [line for line in logs if line.get("endpoint_id") == endpoint_id and line["log_level"] == "error"]
    assert [line["event"] for line in said] == ["endpoint.hindered"]
    assert said[0]["note"].startswith("secret is sealed with key k1, which secrets.keys_file does not have (k2)")
    with capture_logs() as logs:
        async with running():
            tried = len(await attempts(db))
            await eventually(lambda: attempted(db, tried + 1))
    assert not receiver.requests
    notes = [line["note"] for line in logs if line["event"] == "attempt.settled"]
    assert notes[0] == "secret is sealed with key k1, and secrets.keys_file is not set"
    async with running(**keys):
        await all_settled(db)
    (request,) = receiver.requests
    assert request.verified(secret)
    assert request.webhook_id == f"evt_{event_id.hex}"


async def attempted(db, times: int) -> bool:
    return len(await attempts(db)) >= times


async def test_a_test_send_to_what_cannot_be_opened_ends_at_once(running, db, receiver, keys):
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with running(**keys):
        await sealed_with(db, endpoint_id, "k1")
    async with running():
        await db.execute("select webhooks.ping($1)", endpoint_id)
        await all_settled(db)
        assert await attempts(db) == [(None, "dead", "secret", None)]
    async with running(**keys):
        await db.execute("select webhooks.ping($1)", endpoint_id)
        await all_settled(db)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(("until", "arrives"), [("now() - interval '1 minute'", 1), ("now() + interval '1 hour'", 0)])
async def test_a_previous_secret_past_its_end_stands_in_nobody_s_way(running, db, receiver, keys, until, arrives):
    endpoint_id, secret = await subscribe(db, receiver.url())
    gone = keyring(line("gone", SECOND)).seal(secret, "", endpoint_id, "secret", bytes(12))
    await db.execute(SEALING)
    await db.execute(f"update webhooks.endpoints set previous_secret = $1, previous_secret_until = {until}", gone)
    async with running(**keys):
        await insert(db)
        await eventually(lambda: attempts(db))
    assert [request.verified(secret) for request in receiver.requests] == [True] * arrives


async def test_a_value_moved_to_another_endpoint_is_no_secret_there(running, db, receiver, keys):
    first, _ = await subscribe(db, receiver.url("/first"))
    second, _ = await subscribe(db, receiver.url("/second"))
    async with running(**keys):
        await sealed_with(db, first, "k1")
        await sealed_with(db, second, "k1")
        stolen = (await endpoint(db, first))["secret"]
        await db.execute(SEALING)
        await db.execute("update webhooks.endpoints set secret = $1 where id = $2", stolen, second)
        await insert(db)
        await eventually(lambda: attempts(db, second))
        assert (await attempts(db, second))[0] == (None, "retrying", "secret", None)
    assert not receiver.at("/second")
    assert len(receiver.at("/first")) == 1


async def test_what_somebody_is_changing_is_sealed_when_they_are_done(running, database, db, receiver, keys):
    endpoint_id, _ = await subscribe(db, receiver.url())
    other, _ = await subscribe(db, receiver.url("/other"))
    await db.execute("delete from webhooks.changes")  # else they would be looked at twice
    async with connected(database.dsn) as writer:
        change = writer.transaction()
        await change.start()
        await writer.execute("select from webhooks.endpoints where id = $1 for update", endpoint_id)
        async with running(**keys, dispatch__poll_s=0.05):
            await sealed_with(db, other, "k1")
            assert await key_ids(db, endpoint_id) == {None}
            await change.rollback()
            await sealed_with(db, endpoint_id, "k1")


async def test_a_row_that_slipped_in_or_is_no_longer_allowed_is_sealed_all_the_same(running, database, db, keys):
    bad = [(await subscribe(db, "http://example.com/", headers=HEADERS, api_key="key"))[0] for _ in range(2)]
    await change_past_the_trigger(database, f"update webhooks.endpoints set url = 'https://:1/' where id = {bad[0]}")
    await db.execute("update webhooks.profiles set https_only = true, required = '{name}'")
    async with running(**keys):
        for endpoint_id in bad:
            await sealed_with(db, endpoint_id, "k1")


async def test_a_row_that_is_refused_stands_in_nobodys_way(running, db, keys):
    bad, _ = await subscribe(db, "https://example.com/bad")
    fine = [(await subscribe(db, "https://example.com/fine"))[0] for _ in range(3)]
    await db.execute("alter table webhooks.endpoints add constraint theirs check (url !~ 'bad') not valid")
    with capture_logs() as logs:
        async with running(**keys):
            for endpoint_id in fine:
                await sealed_with(db, endpoint_id, "k1")
            await eventually(lambda: [each for each in logs if each["event"] == "secret.set_aside"])
    said = [each for each in logs if each["event"] == "secret.set_aside"]
    assert {each["endpoint_id"] for each in said} == {bad}
    assert "theirs" in said[0]["note"]
    assert await key_ids(db, bad) == {None}


async def test_sealing_leaves_what_is_parked_parked(running, db, receiver, keys):
    receiver.always(500)
    async with running(breaker__park_after=1, breaker__park_base_s=3600, dispatch__poll_s=3600):
        endpoint_id, _ = await subscribe(db, receiver.url())
        await insert(db)
        await eventually(lambda: db.fetchval("select parked_until is not null from webhooks.endpoints"))
    before = await endpoint(db, endpoint_id)
    async with running(**keys, breaker__park_after=1, breaker__park_base_s=3600):
        await sealed_with(db, endpoint_id, "k1")
        await eventually(lambda: db.fetchval("select count(*) = 0 from webhooks.changes"))
        after = await endpoint(db, endpoint_id)
    assert dict(before) | {"secret": ""} == dict(after) | {"secret": ""}
    assert len(receiver.requests) == 1


async def test_without_keys_nothing_is_sealed(running, db, receiver):
    async with running():
        endpoint_id, secret = await subscribe(db, receiver.url())
        await insert(db)
        await all_settled(db)
        assert (await endpoint(db, endpoint_id))["secret"] == secret
