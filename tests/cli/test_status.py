"""`dispatcher status`: the verdict first, whatever state things are in."""

import json
import re
from socket import gethostname

import pytest

from tests.support.commands import told, typed
from tests.support.daemon import daemon
from tests.support.postgres import connected
from tests.support.sql import all_settled, insert, insert_many, subscribe

LOCK = "select pg_advisory_lock(hashtextextended('webhooks.dispatcher', 0))"
HELD = "update webhooks.holder set epoch = 7, dispatcher = 'pid 7 on app-1', version = '0.1.0', since = now()"
FAILING = """
insert into webhooks.attempts (delivery_id, event_id, endpoint_id, attempt, duration_ms, outcome, reason)
select e.id, gen_random_uuid(), e.id, 1, 5, 'retrying', $1 from webhooks.endpoints e
"""


def status(dsn: str, **settings: object) -> list[str]:
    """The lines of a status that found all well enough."""
    done = typed("status", dsn=dsn, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def verdict(dsn: str, code: int = 1) -> str:
    done = typed("status", dsn=dsn)
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout.splitlines()[0]


@pytest.fixture
async def held(database, db):
    """As if a dispatcher held the work, which nobody does."""
    async with connected(database.dsn) as holder:
        await holder.execute(f"set application_name = 'dispatcher: holder pid 7 on app-1'; {LOCK}")
        await db.execute(HELD)
        yield holder


# Down


async def test_before_the_first_run_nobody_holds_the_work(database):
    assert verdict(database.dsn) == "down: no dispatcher holds the work; none ever has: dispatcher run"


async def test_one_that_left_in_order_says_when_and_one_that_died_does_not(database, db):
    await db.execute(HELD)
    assert verdict(database.dsn) == "down: no dispatcher holds the work; pid 7 on app-1 died or was cut off"
    at = await db.fetchval("update webhooks.holder set left_at = now() returning left_at")
    assert verdict(database.dsn) == f"down: no dispatcher holds the work; pid 7 on app-1 left in order at {at:%H:%M}"


async def test_a_database_that_is_away_is_said_with_the_reason_and_no_password(tmp_path):
    done = typed("status", dsn=f"postgresql://app:hunter2@/app?host={tmp_path}")
    assert done.returncode == 1
    assert done.stdout.startswith("down: the database cannot be reached (app@/app?host=")
    assert "hunter2" not in done.stdout + done.stderr


async def test_a_password_that_is_refused_is_a_database_that_cannot_be_reached(database):
    assert "nobody_of_that_name" in verdict(database.dsn_as("nobody_of_that_name"))


async def test_without_the_schema_it_says_to_migrate(cluster):
    async with cluster.database(migrated=False) as empty:
        assert verdict(empty.dsn) == "down: schema webhooks is not there; run: dispatcher migrate"


@pytest.mark.usefixtures("held")
async def test_a_read_only_database_is_down(cluster, database):
    await cluster.execute(f"alter database {database.name} set default_transaction_read_only = on")
    assert verdict(database.dsn) == "down: the database is read-only (default_transaction_read_only is on)"


@pytest.mark.usefixtures("held")
async def test_too_many_connections_are_a_database_that_cannot_be_reached(cluster, database):
    await cluster.execute(f"alter database {database.name} connection limit 0")
    assert "too many connections for database" in verdict(database.dsn)


async def test_something_else_that_holds_the_work_is_named(database):
    async with connected(database.dsn) as stranger:
        await stranger.execute(f"set application_name = 'psql'; {LOCK}")
        said = verdict(database.dsn)
    assert said == (
        "down: the work is held by something that is not a dispatcher: "
        f"psql; role app_owner, backend pid {stranger.get_server_pid()}"
    )


# Up


async def test_a_dispatcher_at_work_is_named_with_what_it_did(database, db, receiver):
    await subscribe(db, receiver.url())
    async with daemon(database.dsn) as running:
        await insert_many(db, 3)
        await all_settled(db)
        first, *lines = status(database.dsn)
    assert first == "delivering"
    assert lines[0].startswith(f"holder     pid {running.process.pid} on {gethostname()}")
    assert "inbox      0 events to fan out" in lines
    assert "open       0 deliveries" in lines
    assert "endpoints  1 active; none fails" in lines
    assert any(re.fullmatch(r"attempts   the last [\d.]+ s: 3 delivered, none failed", line) for line in lines), lines


@pytest.mark.usefixtures("held")
async def test_without_endpoints_it_is_ready(database):
    assert verdict(database.dsn, 0) == "ready: there is no endpoint yet"


@pytest.mark.usefixtures("held")
async def test_the_holder_is_told_with_epoch_installation_and_standbys(database, db):
    await db.execute("update webhooks.holder set installation = 'production'")
    async with connected(database.dsn) as standby:
        await standby.execute("set application_name = 'dispatcher: standby pid 8 on app-2'")
        _, first, second, *_ = status(database.dsn)
        code, made = told("status", dsn=database.dsn)
    assert re.fullmatch(r"holder     pid 7 on app-1, since \d\d:\d\d \([\d.]+ s\)", first)
    assert second.strip() == "dispatcher 0.1.0, epoch 7, installation production; standby: pid 8 on app-2"
    assert code == 0
    assert made["holder"] == made["holder"] | {
        "held": True, "is_dispatcher": True, "dispatcher": "pid 7 on app-1", "version": "0.1.0", "epoch": 7,
        "installation": "production", "left_at": None, "role": "app_owner",
    }  # fmt: skip
    assert [each["dispatcher"] for each in made["standbys"]] == ["pid 8 on app-2"]


@pytest.mark.usefixtures("held")
async def test_what_waits_is_counted_to_a_bound_with_the_oldest(database, db):
    endpoint_id, _ = await subscribe(db, "https://a.example.com/hook")
    await insert(db)
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id, due_at) "
        "select gen_random_uuid(), $1, now() - interval '5 minutes' from generate_series(1, 10001)",
        endpoint_id,
    )
    lines = status(database.dsn)
    assert any(re.fullmatch(r"inbox      1 event to fan out, oldest [\d.]+ s old", line) for line in lines), lines
    assert (
        "open       more than 10,000 deliveries of 1 endpoint, oldest due 5 min ago: endpoint 1 (a.example.com)"
        in lines
    )
    made = told("status", dsn=database.dsn)[1]
    assert (made["inbox"]["count"], made["inbox"]["more"]) == (1, False)
    assert (made["open"]["count"], made["open"]["more"], made["open"]["endpoints"]) == (10_000, True, 1)
    assert made["open"]["oldest_due_endpoint_id"] == endpoint_id


@pytest.mark.usefixtures("held")
async def test_of_several_backlogs_the_oldest_is_named_though_its_endpoint_never_fails(database, db):
    for host in ("a", "b", "c"):
        await subscribe(db, f"https://{host}.example.com/hook?key=secret")
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id, due_at) "
        "select gen_random_uuid(), id, now() - case when url like '%/b.%' then interval '2 h' else '1 h' end "
        "from webhooks.endpoints"
    )
    due = next(line for line in status(database.dsn) if line.startswith("open"))
    assert re.fullmatch(
        r"open       3 deliveries of 3 endpoints, oldest due 2 h ago: endpoint \d+ \(b\.example\.com\)", due
    )


@pytest.mark.usefixtures("held")
async def test_what_is_parked_or_paused_waits_for_a_reason_and_is_not_overdue(database, db):
    parked, _ = await subscribe(db, "https://a.example.com/hook")
    paused, _ = await subscribe(db, "https://b.example.com/hook")
    await db.execute("update webhooks.endpoints set parked_until = now() + interval '1 h' where id = $1", parked)
    await db.execute("select webhooks.pause($1)", paused)
    await db.execute(
        "insert into webhooks.deliveries (event_id, endpoint_id, due_at) "
        "select gen_random_uuid(), id, now() - interval '1 h' from webhooks.endpoints"
    )
    assert "open       2 deliveries of 2 endpoints" in status(database.dsn)


@pytest.mark.usefixtures("held")
async def test_events_that_nobody_fans_out_are_worth_the_first_line(database, db):
    await subscribe(db, "https://a.example.com/hook")
    await db.execute(
        "insert into webhooks.inbox (event_id, tenant, type) "
        "values (webhooks.uuid_floor(now() - interval '12 min 5 s'), '', 'a')"
    )
    assert verdict(database.dsn, 0) == "stuck: the work is held, but events have waited 12 min to be fanned out"


# Us or them


async def test_one_that_fails_among_many_is_named_with_why(database, db, receiver):
    for _ in range(3):
        await subscribe(db, receiver.url())
    dead, _ = await subscribe(db, "http://127.0.0.1:39999/hook?token=hidden", name="ERP")
    async with daemon(database.dsn, breaker__park_after=2) as running:
        await insert(db)
        await running.says("endpoint.parked")
        done = typed("status", dsn=database.dsn)
        made = told("status", dsn=database.dsn)[1]
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "delivering, but 1 of 4 endpoints fails")
    assert "hidden" not in done.stdout + json.dumps(made)
    row = next(line for line in done.stdout.splitlines() if line.startswith(f"{dead} "))
    assert re.search(r"ERP +127\.0\.0\.1:39999 +parked .*; fails .* connect [\d.]+ s +1$", row), row
    assert made["blame"] == "them"
    (worst,) = made["endpoints"]["worst"]
    assert worst == worst | {
        "endpoint_id": dead, "tenant": "", "name": "ERP", "host": "127.0.0.1:39999", "state": "active",
        "state_reason": None, "last_status": None, "last_reason": "connect", "open": {"count": 1, "more": False},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "said"),
    [("dns", "us: every endpoint fails with dns"), ("http_500", "delivering, but 5 of 5 endpoints fail")],
)
@pytest.mark.usefixtures("held")
async def test_where_all_fail_it_is_us_unless_they_answer(database, db, reason, said):
    for number in range(5):
        await subscribe(db, f"https://host{number}.example.com/hook")
    await db.execute(FAILING, reason)
    assert verdict(database.dsn, 0) == said
    await db.execute("update webhooks.endpoints set failing_since = now() - interval '3 h'")
    since = r" since (\d{4}-\d\d-\d\d )?\d\d:\d\d" if reason == "dns" else ""
    assert re.fullmatch(said + since, verdict(database.dsn, 0))


@pytest.mark.usefixtures("held")
async def test_the_worst_come_first_and_the_others_are_counted(database, db):
    await db.execute(
        "insert into webhooks.endpoints (url, failing_since) "
        "select 'https://host.example.com/' || n, now() - n * interval '1 h' from generate_series(1, 70) n"
    )
    await db.execute(
        "insert into webhooks.endpoints (url, state, state_reason) values ('https://h.example.com', 'disabled', 'gone')"
    )
    lines = status(database.dsn)
    table = lines[lines.index("") + 1 :]
    assert len(lines) <= 60
    assert table[0].split() == ["id", "host", "state", "open"]
    assert table[1].split()[0] == "70"
    assert table[-1] == f"and {71 - len(table[1:-1])} more"


@pytest.mark.usefixtures("held")
async def test_names_cannot_command_the_terminal(database, db):
    for name in ("\x1b[2J\x1b]0;owned\x07", "a\u202eb", "日本語の名前"):
        await db.execute("select webhooks.subscribe('https://a.example.com/h', name => $1)", name)
    await db.execute("update webhooks.endpoints set failing_since = now()")
    done = typed("status", dsn=database.dsn)
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "\\x1b[2J" in done.stdout
    assert "日本語の名前" in done.stdout


# Who may look


@pytest.mark.usefixtures("held")
async def test_an_operator_sees_the_same_as_the_owner(database, db):
    await subscribe(db, "https://a.example.com/hook")
    await insert(db)
    seen = [told("status", dsn=database.dsn_as(role))[1] for role in ("app_owner", "app_operator")]
    for made in seen:
        assert made["database"].pop("role")
        assert made["database"].pop("name")
        assert made.pop("at")
    assert seen[0] == seen[1]
    assert seen[0]["unknown"] == {}


@pytest.mark.usefixtures("held")
async def test_who_may_not_look_is_told_what_to_ask_for(database):
    remedy = "may not look; run: grant webhooks_operator to"
    assert verdict(database.dsn_as("app_nobody")) == f"down: role app_nobody {remedy} app_nobody"
    said = verdict(database.dsn_as("app_producer"), 0)
    assert said == f"held by pid 7 on app-1, but how it goes is not known (role app_producer {remedy} app_producer)"


@pytest.mark.usefixtures("held")
async def test_a_table_that_is_locked_leaves_the_rest(database, db):
    async with db.transaction():
        await db.execute("lock table webhooks.inbox")
        code, made = told("status", dsn=database.dsn)
    assert code == 0
    assert made["inbox"] is None
    assert "inbox" in made["unknown"]
    assert made["open"] == {"count": 0, "more": False, "endpoints": 0} | dict.fromkeys(
        ("oldest_due_at", "oldest_due_endpoint_id")
    )
