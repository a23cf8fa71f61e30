"""How long a receiver may take: 0.4 s before its contract's deadline is in time, 0.4 s after it is too late."""

from tests.contracts.receivers import CONTRACTS, MANYSENDS, STANDARD
from tests.contracts.webhooks import hook, send
from tests.support.receiver import Answer
from tests.support.sql import all_settled, attempts

MARGIN_S = 0.4
IN_TIME, TOO_LATE = [(1, "delivered", None, 200)], [(1, "dead", "timeout", None)]


async def test_an_answer_just_before_the_deadline_counts_and_one_just_after_it_does_not(running, db, receiver):
    cases = [(f"/{contract.profile}", contract, contract.deadline_s, None) for contract in CONTRACTS]
    # A row's own outweighs its profile's, both ways.
    cases += [
        ("/own/shorter", MANYSENDS, 3.0, 3.0),
        ("/own/longer", STANDARD, 17.0, 17.0),
    ]
    ids, wanted = {}, {}
    for path, contract, deadline_s, own in cases:
        early, late = f"{path}/early", f"{path}/late"
        receiver.always(Answer(delay_s=deadline_s - MARGIN_S), path=early)
        receiver.always(Answer(delay_s=deadline_s + MARGIN_S), path=late)
        wanted |= {early: IN_TIME, late: TOO_LATE}
        for each in (early, late):
            ids[each], _ = await hook(db, contract, receiver.url(each), max_attempts=1, timeout_s=own)
    async with running():
        await send(db)
        await all_settled(db)
    assert {path: await attempts(db, endpoint_id) for path, endpoint_id in ids.items()} == wanted


async def test_a_longer_timeout_in_the_configuration_widens_no_contract_that_has_its_own(running, db, receiver):
    ids = {}
    for contract in (each for each in CONTRACTS if each.deadline_s < 15):
        path = f"/{contract.profile}"
        receiver.always(Answer(delay_s=contract.deadline_s + MARGIN_S), path=path)
        ids[path], _ = await hook(db, contract, receiver.url(path), max_attempts=1, timeout_s=None)
    async with running(endpoint__timeout_s=30):
        await send(db)
        await all_settled(db)
    assert {path: await attempts(db, each) for path, each in ids.items()} == dict.fromkeys(ids, TOO_LATE)
