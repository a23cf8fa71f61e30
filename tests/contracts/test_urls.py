"""Where a webhook may go: what a contract refuses when it is written, and what becomes of what slips in."""

import asyncio

import pytest
from structlog.testing import capture_logs

from tests.contracts.receivers import CONTRACTS, HELLOMATEO, STANDARD
from tests.contracts.webhooks import hook, refused, send
from tests.support.eventually import eventually
from tests.support.postgres import answer, connected
from tests.support.receiver import Receiver
from tests.support.sql import all_settled, attempts, insert, subscribe

HTTPS_ONLY = [contract for contract in CONTRACTS if contract.https_only]
EITHER = [contract for contract in CONTRACTS if not contract.https_only]
SUBSCRIBE = "select webhooks.subscribe($1, profile => $2, tenant => $3)"
URL = "https://example.com/hook"
INVALID = [(None, "dead", "invalid_url", None)]
SAME = [
    URL,
    "https://EXAMPLE.com/hook",
    "https://example.com:443/hook",
    "HTTPS://Example.Com:443/hook",
    "https://example.com/hook?",
]
OTHERS = [
    "https://example.com/Hook",
    "https://example.com/hook/",
    "https://example.com/hook?a=1",
    "https://example.com:8443/hook",
    "https://www.example.com/hook",
    "https://example.com",
]


async def without_checks(database, statement: str, *args: object) -> None:
    """What a restore, a superuser or a careless migration can do."""
    async with connected(database.superuser_dsn) as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(statement, *args)


@pytest.mark.parametrize("contract", HTTPS_ONLY, ids=lambda each: each.profile)
async def test_a_url_without_tls_is_refused_when_it_is_written(db, contract):
    for url in ("http://example.com/hook", "HTTP://example.com/hook", "http://example.com:443/"):
        error = await refused(db, SUBSCRIBE, url, contract.profile, "")
        assert (error.sqlstate, error.constraint_name) == ("23514", "url_is_https")
        assert contract.profile in str(error)
    endpoint_id, _ = await subscribe(db, URL, profile=contract.profile)
    error = await refused(db, "update webhooks.endpoints set url = 'http://example.com/' where id = $1", endpoint_id)
    assert error.constraint_name == "url_is_https"
    # Nor is there a way round it by changing the profile of a webhook that goes without.
    plain, _ = await subscribe(db, "http://example.com/plain", profile="standard")
    error = await refused(db, "update webhooks.endpoints set profile = $2 where id = $1", plain, contract.profile)
    assert error.constraint_name == "url_is_https"


async def test_what_slips_in_without_tls_is_invalid_and_the_log_says_who_refused_it(running, database, db):
    ids = {}
    async with Receiver() as plain:
        for contract in CONTRACTS:
            ids[contract.profile], _ = await hook(db, contract, f"https://127.0.0.1/{contract.profile}")
        await without_checks(database, "update webhooks.endpoints set url = $1 || profile", plain.url("/"))
        with capture_logs() as said:
            async with running(egress__allow_http=True):
                await send(db)
                await all_settled(db)
            ends = {profile: await attempts(db, each) for profile, each in ids.items()}
        got = {request.path.removeprefix("/") for request in plain.requests}
    strict = {contract.profile for contract in HTTPS_ONLY}
    assert got == {contract.profile for contract in EITHER}
    assert {profile: ends[profile] for profile in strict} == dict.fromkeys(strict, INVALID)
    assert notes(said) == {ids[name]: f"profile {name} takes https only" for name in strict}


async def test_where_the_operator_allows_no_http_no_contract_does_and_the_log_says_that_it_was_the_operator(
    running, db
):
    ids = {}
    async with Receiver() as plain:
        for contract in EITHER:
            ids[contract.profile], _ = await hook(db, contract, plain.url(f"/{contract.profile}"))
        with capture_logs() as said:
            async with running():
                await send(db)
                await all_settled(db)
        assert plain.requests == []
    assert sorted(notes(said)) == sorted(ids.values())
    assert all("egress.allow_http" in note for note in notes(said).values()), notes(said)


async def test_no_contract_reaches_a_local_host_unless_the_operator_allows_it(running, db, receiver):
    ids = {each.profile: (await hook(db, each, receiver.url(f"/{each.profile}")))[0] for each in CONTRACTS}
    async with running(egress__allow_networks=[]):
        await send(db)
        await all_settled(db)
    assert {profile: await attempts(db, each) for profile, each in ids.items()} == dict.fromkeys(ids, INVALID)
    assert receiver.requests == []


def notes(said) -> dict[int, str]:
    return {line["endpoint_id"]: line["note"] for line in said if line["event"] == "attempt.settled" and "note" in line}


async def test_a_url_is_taken_once_by_each_account_however_it_is_spelled(db):
    first, _ = await subscribe(db, URL, profile="hellomateo")
    for url in SAME:
        error = await refused(db, SUBSCRIBE, url, "hellomateo", "")
        assert (error.sqlstate, error.constraint_name) == ("23514", "url_is_unique"), url
        assert f"endpoint {first}" in str(error)
    for url in OTHERS:
        await subscribe(db, url, profile="hellomateo")
    await subscribe(db, URL, profile="hellomateo", tenant="another")
    await db.execute("select webhooks.unsubscribe($1)", first)
    await subscribe(db, SAME[3], profile="hellomateo")


async def test_a_url_can_be_edited_to_another_spelling_of_its_own_but_not_to_one_that_is_taken(db):
    first, _ = await subscribe(db, URL, profile="hellomateo")
    second, _ = await subscribe(db, "https://example.com/second", profile="hellomateo")
    edit = "update webhooks.endpoints set url = $2 where id = $1"
    assert (await refused(db, edit, second, SAME[1])).constraint_name == "url_is_unique"
    await db.execute(edit, first, SAME[2])
    await db.execute(edit, first, "https://example.com/third")
    await db.execute(edit, second, URL)
    plain, _ = await subscribe(db, URL, profile="standard")
    error = await refused(db, "update webhooks.endpoints set profile = 'hellomateo' where id = $1", plain)
    assert error.constraint_name == "url_is_unique"


async def test_two_who_ask_for_the_same_url_at_once_one_gets_it_and_none_waits_for_ever(database):
    async def asks(number: int) -> str:
        async with connected(database.dsn) as connection:
            try:
                await subscribe(connection, f"{SAME[number % 4]}/{number // 8}", profile="hellomateo")
            except Exception as error:  # noqa: BLE001 which it is, is what is looked at
                return getattr(error, "constraint_name", None) or repr(error)
            return "taken"

    async with asyncio.timeout(30):
        said = await asyncio.gather(*(asks(number) for number in range(16)))
    assert [said[:8].count("taken"), said[8:].count("taken")] == [1, 1], said
    assert sorted(set(said)) == ["taken", "url_is_unique"]


async def is_waiting(database, pid: int) -> bool:
    return await answer(database.dsn, f"select wait_event_type = 'Lock' from pg_stat_activity where pid = {pid}")


async def test_who_comes_second_waits_for_the_first_to_decide(database, db):
    """A first that changes its mind leaves the URL to the second."""
    transaction = db.transaction()
    await transaction.start()
    await subscribe(db, URL, profile="hellomateo")
    async with connected(database.dsn) as other, asyncio.TaskGroup() as tasks:
        second = tasks.create_task(subscribe(other, SAME[1], profile="hellomateo"))
        await eventually(lambda: is_waiting(database, other.get_server_pid()))
        await transaction.rollback()
    assert second.result()[0]


async def test_other_contracts_allow_the_same_url_twice(running, db, receiver):
    others = [contract for contract in CONTRACTS if contract is not HELLOMATEO]
    for contract in (*others, *others, STANDARD):
        await hook(db, contract, receiver.url())
    async with running():
        await insert(db)
        await all_settled(db)
    assert len(receiver.requests) == 2 * len(others) + 1
