"""A product of one's own: a file, whose word counts before the configuration's and after the row's."""

import orjson
import pytest
from structlog.testing import capture_logs

from tests.contracts.receivers import MADYIS, SYDX
from tests.contracts.webhooks import hook, refused, send
from tests.support.eventually import eventually
from tests.support.profiles import written
from tests.support.receiver import Answer
from tests.support.sql import all_settled, attempts, insert, insert_many, states, subscribe

OURS = """
description = "Ours"
body = '{"kind":"$type","for":"$tenant","why":$context,"what":$data}'
[signature]
scheme = "none"
"""
ENDPOINT = """
[endpoint]
max_attempts = 3
max_in_flight = 2
backoff_base_s = 0.02
backoff_factor = 1
"""
NEVER_S = 86400


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path, ours=OURS + ENDPOINT)


async def test_a_file_is_a_product(running, db, receiver, folder):
    async with running(dispatch__profiles_dir=str(folder)):
        await subscribe(db, receiver.url(), profile="ours", tenant='Acmé "AG"')
        await insert(db, "a.b", '{"n": 1e400}', tenant='Acmé "AG"', context="[ 1 ]")
        await all_settled(db)
    assert receiver.requests[0].body == '{"kind":"a.b","for":"Acmé \\"AG\\"","why":[ 1 ],"what":{"n": 1e400}}'.encode()
    assert "webhook-signature" not in receiver.requests[0].headers


async def test_a_row_says_how_often_before_its_profile_and_its_profile_before_the_configuration(
    running, db, receiver, folder
):
    tries = {"/row": ("ours", 5, 5), "/profile": ("ours", None, 3), "/config": ("madyis", None, 4)}
    async with running(dispatch__profiles_dir=str(folder), endpoint__max_attempts=4):
        for path, (profile, own, _) in tries.items():
            receiver.always(500, path=path)
            await subscribe(db, receiver.url(path), profile=profile, max_attempts=own)
        await insert(db)
        await all_settled(db)
    assert {path: len(receiver.at(path)) for path in tries} == {path: count for path, (_, _, count) in tries.items()}


async def test_a_row_says_how_many_at_once_before_its_profile_and_its_profile_before_the_configuration(
    running, db, receiver, folder
):
    at_once = {"/row": ("ours", 3, 3), "/profile": ("ours", None, 2), "/config": ("madyis", None, 4)}
    async with running(dispatch__profiles_dir=str(folder), endpoint__max_in_flight=4):
        for path, (profile, own, _) in at_once.items():
            receiver.always(Answer(delay_s=0.02), path=path)
            await subscribe(db, receiver.url(path), profile=profile, max_in_flight=own)
        await insert_many(db, 40)
        await all_settled(db)
    assert {path: receiver.most_at_once[path] for path in at_once} == {path: n for path, (_, _, n) in at_once.items()}


async def test_a_profile_says_how_soon_a_delivery_is_tried_again_before_the_configuration(
    running, db, receiver, folder
):
    async with running(
        dispatch__profiles_dir=str(folder), endpoint__backoff_base_s=NEVER_S, endpoint__backoff_cap_s=NEVER_S
    ):
        ids = {}
        for profile in ("ours", "madyis"):
            receiver.will_answer(500, path=f"/{profile}")
            ids[profile], _ = await subscribe(db, receiver.url(f"/{profile}"), profile=profile)
        event_id = await insert(db)
        await eventually(lambda: delivered_and_waiting(db, event_id))
    assert len(await attempts(db, ids["ours"])) == 2
    wait = await db.fetchval("select due_at > now() + interval '20 hours' from webhooks.deliveries")
    assert wait, "the configuration's"


async def delivered_and_waiting(db, event_id) -> bool:
    found = await states(db, event_id)
    assert sorted(found) == ["delivered", "pending"]
    return len(await attempts(db)) == 3


async def test_the_default_is_what_an_endpoint_gets_that_names_no_profile(running, db, receiver):
    before, secret = await hook(db, SYDX, receiver.url("/before"), profile=None)
    async with running(dispatch__profile="sydx"):
        error = await refused(db, "select webhooks.subscribe('http://example.com/')")
        assert error.constraint_name == "url_is_https"
        _, made = await hook(db, SYDX, receiver.url("/after"), profile=None)
        receiver.will_answer(202, path="/before")
        sent = await send(db)
        await all_settled(db)
    assert [SYDX.complaints(each, sent, secret) for each in receiver.at("/before")] == [[], []]
    assert [SYDX.complaints(each, sent, made) for each in receiver.at("/after")] == [[]]
    assert (await attempts(db, before))[0] == (1, "retrying", "http_202", 202)


async def test_a_changed_file_takes_effect_at_a_reload_and_is_said(running, db, receiver, folder):
    with capture_logs() as said:
        async with running(dispatch__profiles_dir=str(folder)) as dispatcher:
            await subscribe(db, receiver.url(), profile="ours")
            await insert(db)
            await all_settled(db)
            assert await reloaded(dispatcher, said) == {"changed": [], "at_next_start": []}
            written(folder, ours=OURS.replace('"kind"', '"sort"') + "[url]\nhttps_only = true\n", other=OURS)
            assert (await reloaded(dispatcher, said))["changed"] == ["profile other", "profile ours"]
            await eventually(lambda: begins(db, receiver, "sort"), within=5)
            await eventually(lambda: https_only(db), within=5)
            await subscribe(db, receiver.url("/other"), profile="other")


async def begins(db, receiver, name: str) -> bool:
    """Whether the next body does, with a member of that name."""
    await insert(db)
    await all_settled(db)
    return next(iter(orjson.loads(receiver.requests[-1].body))) == name


async def https_only(db) -> bool:
    return await db.fetchval("select https_only from webhooks.profiles where name = 'ours'")


async def reloaded(dispatcher, said, event: str = "configuration.reloaded") -> dict[str, object]:
    """What is said of a reload asked for now."""

    def lines():
        return [line for line in said if line["event"].startswith("configuration.")]

    before = len(lines())
    dispatcher.reload()
    await eventually(lambda: len(lines()) > before)
    last = lines()[-1]
    assert last["event"] == event, last
    return {key: value for key, value in last.items() if key not in {"event", "log_level"}}


async def test_a_file_that_is_broken_is_refused_by_name_and_key_and_the_old_one_stays(running, db, receiver, folder):
    with capture_logs() as said:
        async with running(dispatch__profiles_dir=str(folder)) as dispatcher:
            await subscribe(db, receiver.url(), profile="ours")
            broken = {
                "body": OURS.replace("$type", "$typ"),
                "signature.scheme": OURS.replace('"none"', '"rot13"'),
                "succes": f"succes = [200]\n{OURS}",
                "endpoint.timeout_s": f"{OURS}[endpoint]\ntimeout_s = 60\n",
            }
            for key, text in broken.items():
                written(folder, ours=text)
                (problem,) = (await reloaded(dispatcher, said, "configuration.refused"))["problems"]
                assert f"{folder / 'ours.toml'}: " in problem
                assert key in problem, problem
            await insert(db)
            await all_settled(db)
    assert b'"kind"' in receiver.requests[0].body


async def test_without_its_file_an_endpoint_waits_and_gets_it_all_once_it_is_back(running, db, receiver, folder):
    with capture_logs() as said:
        async with running(dispatch__profiles_dir=str(folder)) as dispatcher:
            lost, _ = await subscribe(db, receiver.url("/ours"), profile="ours")
            await hook(db, MADYIS, receiver.url("/madyis"))
            (folder / "ours.toml").unlink()
            await reloaded(dispatcher, said)
            await insert(db)
            await eventually(lambda: len(receiver.requests) == 1)
            await eventually(lambda: attempts(db, lost))
            assert {tuple(row) for row in await attempts(db, lost)} == {(None, "retrying", "internal", None)}
            assert [line["endpoint_id"] for line in said if line["event"] == "endpoint.hindered"][:1] == [lost]
            assert receiver.at("/ours") == []
            written(folder, ours=OURS)
            await reloaded(dispatcher, said)
            await all_settled(db)
    assert len(receiver.at("/ours")) == 1
    assert (await attempts(db, lost))[-1] == (1, "delivered", None, 200), "a fault of ours spends no attempt"
