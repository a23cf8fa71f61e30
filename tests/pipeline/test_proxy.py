"""A proxy in the way of everything: its failures are ours, what it says of a target is the endpoint's."""

import pytest

from tests.support.eventually import eventually
from tests.support.forward import forwarding, hang, saying, status
from tests.support.receiver import Receiver
from tests.support.sql import all_settled, attempts, endpoint, insert, insert_many, subscribe

NAME = "receiver.example.com"
PATIENT = {"breaker__park_after": 1, "endpoint__timeout_s": 2}
"""One failure would park."""


@pytest.fixture
async def forward():
    async with forwarding("someone:hunter2", **{NAME: "127.0.0.1"}) as proxy:
        yield proxy


@pytest.fixture
async def secure(authority):
    async with Receiver(tls=authority.issue(NAME)) as receiver:
        yield receiver


@pytest.fixture
def proxied(running, forward, authority):
    def made(credentials: str = "someone:hunter2", **settings):
        given = {"egress__proxy": forward.url(credentials), "egress__ca_file": str(authority.ca_file)}
        return running(**PATIENT, **given, **settings, egress__allow_networks="[]")

    return made


def url_of(receiver: Receiver, path: str = "/hook") -> str:
    return receiver.url(path).replace("127.0.0.1", NAME)


async def put_off(db) -> list:
    found = await attempts(db)
    assert found, "nothing was tried"
    return found


async def test_deliveries_by_http_and_https_all_go_through_it(proxied, db, forward, receiver, secure):
    for where in (receiver, secure):
        await subscribe(db, url_of(where))
    async with proxied():
        await insert_many(db, 20)
        await all_settled(db)
    assert await attempts(db) == [(1, "delivered", None, 200)] * 40
    assert (len(receiver.requests), len(secure.requests)) == (20, 20)
    assert len([line for line in forward.asked if line.startswith(b"POST ")]) == 20
    assert {line.split()[1] for line in forward.connects()} == {f"{NAME}:{secure.port}".encode()}


@pytest.mark.parametrize(
    "act", [status(407), saying(), saying(then="reset"), hang], ids=["407", "closes", "resets", "hangs"]
)
async def test_its_failure_spends_no_attempt_parks_nobody_and_all_is_delivered_once_it_is_well(
    proxied, db, forward, receiver, secure, act
):
    forward.acts["*"] = act
    ids = [(await subscribe(db, url_of(where), max_attempts=1))[0] for where in (receiver, secure)]
    async with proxied() as dispatcher:
        await insert(db)
        await eventually(lambda: _both_put_off(db, ids))
        assert {row[:3] for row in await attempts(db)} == {(None, "retrying", "proxy")}
        assert await db.fetch("select distinct attempts from webhooks.deliveries") == [(0,)]
        for endpoint_id in ids:
            row = await endpoint(db, endpoint_id)
            assert (row["state"], row["parked_until"], row["failing_since"]) == ("active", None, None)
        forward.acts.clear()
        # What waits would be tried again within ten seconds; whoever does not want to wait reloads.
        dispatcher.reload()
        await db.execute("select webhooks.retry(id) from webhooks.deliveries")
        await all_settled(db)
    assert (len(receiver.requests), len(secure.requests)) == (1, 1)
    assert [row[1] for row in await attempts(db)][-2:] == ["delivered"] * 2


async def _both_put_off(db, ids) -> bool:
    return all([await attempts(db, endpoint_id) for endpoint_id in ids])


async def test_a_backlog_is_not_run_through_for_it(proxied, db, forward, receiver):
    await subscribe(db, url_of(receiver))
    forward.acts["*"] = status(407)
    await insert_many(db, 200)
    async with proxied():
        await eventually(lambda: attempts(db))
        async with Receiver() as bystander:
            await subscribe(db, bystander.url("/").replace("127.0.0.1", NAME), "{order.paid}")
            await insert(db)
            await eventually(lambda: _second_endpoint_tried(db))
        assert len(await attempts(db)) < 10


async def _second_endpoint_tried(db) -> bool:
    return await db.fetchval("select count(distinct endpoint_id) = 2 from webhooks.attempts")


async def test_a_target_it_denies_is_a_blocked_address_that_spends_and_shows_the_tenant_nothing(
    proxied, db, forward, receiver
):
    forward.acts[NAME] = status(403, body=b"squid internals")
    forward.acts["plain.example.com"] = status(403, "x-squid-error: ERR_ACCESS_DENIED 0", body=b"squid internals")
    await subscribe(db, f"https://{NAME}/", max_attempts=1)
    await subscribe(db, "http://plain.example.com/", max_attempts=1)
    async with proxied(retention__replies="all"):
        await insert(db)
        await all_settled(db)
    assert await attempts(db) == [(1, "dead", "blocked_address", None)] * 2
    assert await db.fetch("select reply from webhooks.attempts where reply is not null") == []
    assert receiver.requests == []


async def test_a_literal_address_or_local_name_is_refused_here_whatever_the_proxy_would_do(proxied, db, forward):
    for url in ("https://10.1.2.3/", "https://169.254.169.254/", "https://localhost/", "https://db.internal/"):
        await subscribe(db, url)
    async with proxied():
        await insert(db)
        await eventually(lambda: _all_ended(db))
    assert {row[2] for row in await attempts(db)} == {"invalid_url"}
    assert forward.asked == []


async def _all_ended(db) -> bool:
    return await db.fetchval("select count(*) = 4 from webhooks.attempts")
