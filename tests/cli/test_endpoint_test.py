"""`dispatcher endpoint test`: sends one, and shows what came back."""

from tests.support.commands import object_of, ran
from tests.support.daemon import daemon
from tests.support.receiver import Answer
from tests.support.sql import subscribe


async def test_what_came_back_is_shown(database, db, receiver):
    receiver.will_answer(Answer(204), Answer(500, b"no \x1b[31m such\r\n\nhook \xff" + b"x" * 5000))
    endpoint_id, _ = await subscribe(db, receiver.url())
    await db.execute("update webhooks.endpoints set state = 'inactive'")
    number = str(endpoint_id)
    async with daemon(database.dsn):
        well = await ran("endpoint", "test", number, dsn=database.dsn_as("app_operator"))
        assert (well.returncode, well.stderr) == (0, "")
        first, attempt, next_ = well.stdout.splitlines()
        assert first.startswith("test 1 to http://127.0.0.1:")
        assert first.endswith(": delivered")
        assert "204 delivered after " in attempt
        assert next_ == f"next  dispatcher endpoint activate {number}"
        ill = await ran("endpoint", "test", number, dsn=database.dsn)
        assert (ill.returncode, ill.stderr) == (1, "")
        assert "500 dead after " in ill.stdout
        assert "no \\x1b[31m such\n" in ill.stdout
        assert "bytes are kept: --json has all of them" in ill.stdout
        assert "\x1b" not in ill.stdout
        made = await object_of("endpoint", "test", number, dsn=database.dsn)
        assert (made["state"], made["attempts"][0]["status"], made["attempts"][0]["attempt"]) == ("delivered", 200, 1)
        unknown = await ran("endpoint", "test", number, "--type", "order.paid", dsn=database.dsn)
        assert unknown.returncode == 1
        assert "has no example of 'order.paid'; leave type out to send webhook.ping" in unknown.stderr
        ours = await object_of("delivery", "show", "2", dsn=database.dsn)
        assert ours["attempts_made"][0]["reply_encoding"] == "base64"
    assert [request.headers["content-type"] for request in receiver.requests] == ["application/json"] * 3


async def test_where_nobody_would_send_it_nothing_is_waited_for(database, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    done = await ran("endpoint", "test", str(endpoint_id), dsn=database.dsn)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dispatcher: no dispatcher holds the work")
    assert await db.fetchval("select count(*) from webhooks.deliveries") == 0
    done = await ran("endpoint", "test", str(endpoint_id), "--no-wait", dsn=database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dispatcher delivery show 1" in done.stdout
    assert await db.fetchval("select count(*) from webhooks.deliveries where test") == 1


async def test_a_fault_on_this_side_is_said_at_once(database, db, receiver):
    endpoint_id, _ = await subscribe(db, receiver.url())
    async with daemon(database.dsn):
        await db.execute("insert into webhooks.profiles (name) values ('theirs')")
        await db.execute("update webhooks.endpoints set profile = 'theirs'")
        done = await ran("endpoint", "test", str(endpoint_id), dsn=database.dsn)
    assert done.returncode == 1
    assert "not sent, for a fault on this side: internal" in done.stdout
