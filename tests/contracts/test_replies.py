"""Which answers count, and how often a delivery is tried where none does."""

from tests.contracts.receivers import CONTRACTS, HELLOMATEO, STANDARD
from tests.contracts.webhooks import hook, send
from tests.support.eventually import eventually
from tests.support.sql import all_settled, attempts, endpoint

STATUSES = (200, 201, 202, 204, 206, 299, 300, 302, 304, 400, 404, 410, 418, 429, 500, 503, 599)
GONE = [(1, "dead", "gone", 410)]


def wanted(status: int, accepts: frozenset[int]) -> list[tuple[object, ...]]:
    """The attempts at a receiver that says this first, and then 200."""
    if status in accepts:
        return [(1, "delivered", None, status)]
    if status == 410:
        return GONE
    reason = "redirect" if 300 <= status < 400 else f"http_{status}"
    return [(1, "retrying", reason, status), (2, "delivered", None, 200)]


async def test_exactly_the_statuses_of_its_contract_count_and_all_others_are_tried_again(running, db, receiver):
    cases = {f"/{contract.profile}/{status}": (contract, status) for contract in CONTRACTS for status in STATUSES}
    ids = {}
    for path, (contract, status) in cases.items():
        receiver.will_answer(status, path=path)
        ids[path], _ = await hook(db, contract, receiver.url(path))
    async with running(dispatch__max_in_flight=8):  # so that connections are used again: each costs a handshake
        await send(db)
        await all_settled(db)
        gone = [each for path, each in ids.items() if path.endswith("/410")]
        await eventually(lambda: disabled(db, gone))
    found = {path: await attempts(db, endpoint_id) for path, endpoint_id in ids.items()}
    assert found == {path: wanted(status, contract.accepts) for path, (contract, status) in cases.items()}


async def disabled(db, endpoint_ids: list[int]) -> bool:
    rows = await db.fetch("select id from webhooks.endpoints where state = 'disabled' and state_reason = 'gone'")
    return sorted(row["id"] for row in rows) == sorted(endpoint_ids)


async def test_a_delivery_is_tried_as_often_as_its_contract_says_and_is_dead_then(running, db, receiver):
    ids = {}
    for contract in CONTRACTS:
        path = f"/{contract.profile}"
        receiver.always(500, path=path)
        ids[contract], _ = await hook(db, contract, receiver.url(path))
    async with running():
        sent = await send(db)
        await all_settled(db)
    for contract, endpoint_id in ids.items():
        again = [(each, "retrying", "http_500", 500) for each in range(1, contract.attempts)]
        assert await attempts(db, endpoint_id) == [*again, (contract.attempts, "dead", "http_500", 500)]
        got = receiver.at(f"/{contract.profile}")
        assert [request.webhook_id for request in got] == [f"evt_{sent.id.hex}"] * contract.attempts
        assert (await endpoint(db, endpoint_id))["state"] == "active"


async def test_the_configuration_says_how_often_where_the_contract_does_not_and_a_row_says_it_first(
    running, db, receiver
):
    tries = {"/config": (STANDARD, None, 6), "/contract": (HELLOMATEO, None, 4), "/row": (HELLOMATEO, 9, 9)}
    for path, (contract, own, _) in tries.items():
        receiver.always(500, path=path)
        await hook(db, contract, receiver.url(path), max_attempts=own)
    async with running(endpoint__max_attempts=6):
        await send(db)
        await all_settled(db)
    assert {path: len(receiver.at(path)) for path in tries} == {path: count for path, (_, _, count) in tries.items()}
