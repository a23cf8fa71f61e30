"""Which replays are refused, in which words; and who may replay at all."""

import asyncpg
import pytest

from dispatcher.errors import Refused, SchemaError
from dispatcher.store.replays import Pace, begin, carry_on, end, preview
from dispatcher.store.session import UPKEEP, Login, Session
from tests.support.replaying import everything, replayed
from tests.support.sql import endpoint, insert_many, subscribe
from tests.support.stages import fan_out

URL = "https://example.com/hook"

SAME = [
    "{}, null", "{}, now(), null", "{}, now(), now() - interval '1 s'", "{}, 'infinity', 'infinity'",
    "{}, now(), types => null", "{}, now(), types => '{{}}'", "{}, now(), types => '{{a,null}}'",
    "{}, now(), types => '{{a,b c}}'", "99, now()", "null, now()",
]  # fmt: skip


async def said(db, call: str) -> tuple[object, ...]:
    with pytest.raises(asyncpg.InvalidParameterValueError) as caught:
        await db.execute(f"select webhooks.{call}")
    error = caught.value
    assert error.detail is None
    return error.sqlstate, error.constraint_name, error.args[0], error.hint


@pytest.mark.parametrize("arguments", SAME)
async def test_what_replay_refuses_is_refused_in_the_same_words(db, arguments):
    endpoint_id, _ = await subscribe(db, URL)
    given = arguments.format(endpoint_id)
    expected = await said(db, f"replay({given})")
    assert await said(db, f"begin_replay({given})") == await said(db, f"preview_replay({given})") == expected


async def test_what_is_not_there_or_out_of_range_is_refused(db, operator):
    endpoint_id, _ = await subscribe(db, URL)
    replay = await begin(operator, everything(endpoint_id))
    for call in ("carry_on_replay(99)", "carry_on_replay(null)", "end_replay(99)"):
        assert (await said(db, call))[:2] == ("22023", "replay_exists")
    for scan in ("0", "100001", "null"):
        assert (await said(db, f"carry_on_replay({replay.id}, {scan})"))[1] == "scan_is_1_to_100000"
        assert (await said(db, f"preview_replay({endpoint_id}, now(), scan => {scan})"))[1] == "scan_is_1_to_100000"


async def test_a_second_one_for_an_endpoint_is_refused_while_one_is_unfinished(db, operator):
    endpoint_id, _ = await subscribe(db, URL)
    replay = await begin(operator, everything(endpoint_id))
    with pytest.raises(Refused) as caught:
        await begin(operator, everything(endpoint_id))
    assert (caught.value.rule, f"--resume {replay.id}" in caught.value.hint) == ("replay_is_finished", True)


@pytest.mark.parametrize("state", ["inactive", "disabled"])
async def test_to_where_nothing_is_sent_nothing_is_replayed(db, session, operator, state):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 3)
    await fan_out(session)
    replay = await begin(operator, everything(endpoint_id))
    await carry_on(operator, replay.id, Pace(1))
    await db.execute("update webhooks.endpoints set state = $1", state)
    with pytest.raises(Refused, match=f"endpoint {endpoint_id} is {state}") as caught:
        await carry_on(operator, replay.id, Pace(1))
    assert "activate it first" in caught.value.hint
    await end(operator, replay.id)
    with pytest.raises(Refused, match=state):
        await begin(operator, everything(endpoint_id))
    assert [each.looked async for each in preview(operator, everything(endpoint_id), Pace())] == [3]


async def test_a_paused_endpoint_holds_what_is_replayed(db, session, operator):
    endpoint_id, _ = await subscribe(db, URL)
    await insert_many(db, 3)
    await fan_out(session)
    await db.execute("select webhooks.pause($1)", endpoint_id)
    assert (await replayed(operator, everything(endpoint_id))).made == 3
    assert (await endpoint(db, endpoint_id))["state"] == "paused"


@pytest.mark.parametrize("role", ["app_producer", "app_nobody"])
async def test_a_producer_may_not(database, db, role):
    endpoint_id, _ = await subscribe(db, URL)
    session = Session(Login(database.dsn_as(role), settings=UPKEEP), "test")
    with pytest.raises(SchemaError, match="permission denied"):
        await begin(session, everything(endpoint_id))
    await session.close()
