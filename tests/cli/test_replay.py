"""`dispatcher replay`: what it says and makes, end to end."""

from dispatcher.cli.replaying.progress import EVERY_S, Lines
from dispatcher.cli.screen import Screen
from dispatcher.store.replays import Preview
from tests.support.commands import told, typed
from tests.support.daemon import daemon
from tests.support.replaying import again, past
from tests.support.sql import all_settled, attempts, deliveries, insert_many, states, subscribe


async def test_it_says_what_it_is_about_to_do_and_what_was_done(db, operator_dsn):
    endpoint_id = await past(db, 30, name="Acme")
    done = typed(*again(endpoint_id), dsn=operator_dsn)
    assert (done.returncode, done.stderr) == (0, "")
    first, events, replay, last = done.stdout.splitlines()
    assert first == f"endpoint  {endpoint_id}, Acme, https://example.com/hook, active"
    assert events.startswith("events    20")
    assert events.endswith("Z, all types")
    assert replay == "replay    1; Ctrl-C stops it, dispatcher replay --resume 1 goes on"
    assert last == "replay 1 is finished: 30 deliveries of 30 events looked at"
    assert len(await deliveries(db, endpoint_id)) == 30


async def test_a_dry_run_counts_the_same_and_makes_nothing(db, operator_dsn):
    endpoint_id = await past(db, 30)
    done = typed(*again(endpoint_id, "--dry-run", "--slice", "7"), dsn=operator_dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "nothing was made; it would be 30 deliveries of 30 events looked at"
    code, preview = told(
        *again(endpoint_id, "--dry-run", "--type", "order.*", "--type", "invoice.void"), dsn=operator_dsn
    )
    counted = {"looked": 30, "made": 30, "done": 1.0, "types": ["order.*", "invoice.void"], "only_dead": False}
    assert (code, preview | counted) == (0, preview)
    assert (preview["replay_id"], preview["dry_run"]) == (None, True)
    assert await db.fetchval("select count(*) from webhooks.deliveries") == 0
    assert told("replay", "--list", dsn=operator_dsn) == (0, {"data": [], "next": None})


async def test_as_json_and_in_the_list(db, operator_dsn):
    endpoint_id = await past(db, 3)
    code, done = told(*again(endpoint_id), dsn=operator_dsn)
    made = {
        "replay_id": 1,
        "dry_run": False,
        "endpoint_id": endpoint_id,
        "looked": 3,
        "made": 3,
        "done": 1.0,
        "resume": None,
    }
    assert (code, done | made) == (0, done)
    assert done["finished_at"].endswith("Z")
    assert told("replay", "--list", dsn=operator_dsn) == (0, {"data": [done], "next": None})
    listed = typed("replay", "--list", dsn=operator_dsn).stdout.splitlines()
    assert listed[0].split() == ["replay", "endpoint", "since", "until", "events", "made"]
    assert listed[1].split()[:2] == ["1", str(endpoint_id)]
    assert "finished" in listed[1]


async def test_a_paused_endpoint_is_said_to_hold_it(db, operator_dsn):
    endpoint_id = await past(db, 3)
    await db.execute("select webhooks.pause($1)", endpoint_id)
    said = typed(*again(endpoint_id), dsn=operator_dsn).stdout
    assert f"endpoint {endpoint_id} is paused: what is made is held until it is resumed" in said


def test_where_nobody_watches_it_says_something_now_and_then(capsys):
    times = iter([0.0, EVERY_S / 2, EVERY_S, EVERY_S + 1, 2 * EVERY_S, 3 * EVERY_S])
    lines = Lines(Screen(), clock=lambda: next(times))
    for _ in range(4):
        lines.moved(Preview(1000, 1, 0.5))
    lines.moved(Preview(2000, 2, 1.0))
    assert capsys.readouterr().out.splitlines() == ["50%: 1 delivery of 1,000 events looked at"] * 2


# --- end to end


async def test_a_replayed_delivery_is_new_and_has_all_its_attempts(database, db, operator_dsn, receiver):
    endpoint_id, secret = await subscribe(db, receiver.url())
    settings = {"endpoint__max_attempts": 2, "breaker__park_after": 1000}
    async with daemon(database.dsn, **settings):
        receiver.always(503)
        await insert_many(db, 3)
        await all_settled(db)
        assert await states(db) == ["dead"] * 3
        receiver.always(200)
        await insert_many(db, 2)
        await all_settled(db)
        receiver.will_answer(503, 503, 503)
        assert told(*again(endpoint_id, "--only-dead"), dsn=operator_dsn)[1]["made"] == 3
        await all_settled(db)
        assert told(*again(endpoint_id, "--only-dead"), dsn=operator_dsn)[1]["made"] == 0
    assert all(request.verified(secret) for request in receiver.requests)
    last = (await attempts(db, endpoint_id))[-6:]
    assert {attempt[:2] for attempt in last} == {(1, "retrying"), (2, "delivered")}
