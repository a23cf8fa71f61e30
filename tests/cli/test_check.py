"""`dispatcher check`: a line for each thing a dispatcher needs; each of them can fail."""

import asyncio
import re
import time
from socket import gethostname

import pytest

from dispatcher.cli.checking.show import look
from dispatcher.config import Settings
from dispatcher.store.migrate import NEEDED, known
from dispatcher.store.session import Login
from tests.support.bouncer import bouncing, listens
from tests.support.checks import NAMES, OF_DATABASE, PLAIN, checked
from tests.support.commands import typed
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.keys import keys_file
from tests.support.postgres import connected
from tests.support.proxy import proxying


async def test_where_all_is_well_every_line_of_the_database_is(database, tmp_path):
    found = checked(database.dsn, secrets__keys_file=keys_file(tmp_path))
    wrong = {name: said for name, said in found.items() if said[0] != "ok" and name != "dns"}
    assert not wrong
    assert found["configuration"][1] == (
        "understood: DISPATCHER_ADMIN__LISTEN, DISPATCHER_DATABASE__DSN, DISPATCHER_EGRESS__ALLOW_HTTP, "
        "DISPATCHER_EGRESS__ALLOW_NETWORKS, DISPATCHER_ENDPOINT__BACKOFF_BASE_S, DISPATCHER_LOG__FORMAT, "
        "DISPATCHER_SECRETS__KEYS_FILE"
    )
    assert "role app_owner, on this machine" in found["database"][1]
    assert found["pooler"][1] == "none in between"


async def test_for_eyes_it_is_a_line_each_and_a_sum(database):
    done = typed("check", dsn=database.dsn, **PLAIN)
    *lines, empty, total = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == NAMES
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "failed"}
    assert (empty, "failed, " in total) == ("", True)


# The configuration


async def test_a_configuration_that_is_not_understood_is_exit_2_and_nothing_else(database):
    done = typed("check", dsn=database.dsn, nonsense=1)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dispatcher: unknown variable DISPATCHER_NONSENSE")


async def test_it_names_the_file_and_the_credentials_it_was_read_from(database, tmp_path):
    (tmp_path / "ours.toml").write_text("[log]\nlevel = 'debug'\n")
    (tmp_path / "database.dsn").write_text(database.dsn)
    done = typed(
        "--config", str(tmp_path / "ours.toml"), "check", env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, **PLAIN
    )
    first = done.stdout.splitlines()[0]
    assert f"understood: {tmp_path}/ours.toml, " in first
    assert first.endswith(", credential database.dsn")


# The database


def test_a_database_that_is_down_fails_and_the_rest_is_looked_at(tmp_path):
    found = checked(f"postgresql://app:hunter2@/app?host={tmp_path}")
    grade, said = found["database"]
    assert grade == "failed"
    assert "app@/app" in said
    assert "hunter2" not in str(found)
    assert {found[name][0] for name in OF_DATABASE[1:]} == {"skipped"}
    assert "skipped" not in {found[name][0] for name in NAMES[14:]}


@pytest.fixture
async def silent(tmp_path):
    """A DSN behind which somebody takes connections and says nothing."""
    callers = []
    server = await asyncio.start_unix_server(lambda *both: callers.append(both), tmp_path / ".s.PGSQL.5432")
    yield f"postgresql://app@/app?host={tmp_path}"
    server.close()
    for _, writer in callers:
        writer.close()
    await server.wait_closed()


async def test_it_ends_within_15_s_whether_the_database_is_down_or_silent(silent, tmp_path):
    """Python's start apart, which takes as long as the machine is busy."""
    for dsn in (silent, f"postgresql://app@/app?host={tmp_path}/nowhere"):
        started = time.monotonic()
        await look(Settings(), Login(dsn))
        assert time.monotonic() - started < 15


LOOKING = (
    "select count(*) from pg_stat_activity where application_name = 'dispatcher: check' and wait_event_type = 'Lock'"
)


async def test_a_database_that_falls_silent_meanwhile_is_given_up_too(database, db):
    started = time.monotonic()
    async with proxying(database) as network, asyncio.TaskGroup() as tasks:
        async with connected(database.superuser_dsn) as root, db.transaction():
            await db.execute("lock table webhooks.holder")
            looking = tasks.create_task(look(Settings(), Login(network.dsn(database))))
            await eventually(lambda: root.fetchval(LOOKING))
            network.stall()
        found = {finding.name: finding for finding in await looking}
    assert time.monotonic() - started < 15
    assert (found["schema"].grade, found["installation"].grade, found["work"].grade) == ("ok", "failed", "skipped")
    assert found["installation"].found.endswith("has given no answer within 10 s")


async def test_a_database_that_never_answers_is_given_up(silent):
    found = await asyncio.to_thread(checked, silent)
    assert found["database"] == (
        "failed",
        f"{silent.partition('//')[2]} gives no answer within 6 s is the server running?",
    )


async def test_a_role_that_is_not_there_is_named(database):
    grade, said = checked(database.dsn_as("nobody_of_that_name"))["database"]
    assert grade == "failed"
    assert "nobody_of_that_name" in said
    assert "check user, password and pg_hba.conf" in said


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_keeps_no_sessions_fails(database, mode):
    with bouncing(database, mode=mode, connections=3) as pooled:
        await eventually(lambda: listens(pooled))
        grade, said = checked(pooled.dsn)["pooler"]
    assert grade == "failed"
    assert f"behind a pooler in {mode} mode" in said
    assert "session mode" in said


async def test_a_pooler_in_session_mode_is_said_to_be_there(database):
    with bouncing(database, mode="session", connections=5) as pooled:
        await eventually(lambda: listens(pooled))
        assert checked(pooled.dsn)["pooler"] == ("ok", "a pooler in session mode")


async def test_a_read_only_database_fails(cluster, database):
    await cluster.execute(f"alter database {database.name} set default_transaction_read_only = on")
    grade, said = checked(database.dsn)["writable"]
    assert (grade, f"alter database {database.name} reset" in said) == ("failed", True)


async def test_a_missing_schema_says_to_migrate(cluster):
    async with cluster.database(migrated=False) as empty:
        found = checked(empty.dsn)
    assert found["schema"] == ("failed", "schema webhooks is not there; run: dispatcher migrate")
    assert (found["privileges"][0], found["partitions"][0]) == ("skipped", "skipped")


@pytest.mark.parametrize("last", range(NEEDED - 1, known()[-1].number))
async def test_a_schema_that_is_behind_says_to_migrate(database, db, last):
    await db.execute("delete from webhooks.migrations where number > $1", last)
    grade, said = checked(database.dsn)["schema"]
    assert grade == ("failed" if last < NEEDED else "warning")
    assert said.endswith("run: dispatcher migrate")


async def test_another_role_than_the_owner_is_told_whose_schema_it_is(database):
    found = checked(database.dsn_as("app_operator"))
    assert found["schema"] == ("ok", "webhooks is there, of role app_owner")
    grade, said = found["privileges"]
    assert grade == "failed"
    assert said.startswith("role app_operator does not own schema webhooks; connect as app_owner")


async def test_group_roles_to_whom_nothing_is_granted_are_named(database, db):
    await db.execute("revoke usage on schema webhooks from webhooks_producer")
    grade, said = checked(database.dsn)["privileges"]
    assert grade == "warning"
    assert said == "nothing is granted to webhooks_producer run: dispatcher migrate"


async def test_group_roles_that_are_not_there_are_for_who_may_create_them(cluster, database):
    await cluster.execute("alter role webhooks_producer rename to spare")
    try:
        grade, said = checked(database.dsn)["privileges"]
    finally:
        await cluster.execute("alter role spare rename to webhooks_producer")
    assert grade == "warning"
    assert said == (
        "there is no role webhooks_producer somebody who may create roles: create role webhooks_producer nologin; "
        "then run: dispatcher migrate"
    )


async def test_a_superuser_is_more_than_is_needed(database):
    grade, said = checked(database.superuser_dsn)["privileges"]
    assert (grade, "superuser" in said) == ("warning", True)


async def test_a_limit_below_what_a_dispatcher_opens_fails(cluster, database):
    await cluster.execute(f"alter database {database.name} connection limit 6")
    grade, said = checked(database.dsn)["connections"]
    assert grade == "failed"
    assert f"database {database.name} may have 6" in said


CLOCKS = {"a little": (30, "warning"), "much": (3600, "failed"), "a little behind": (-30, "warning")}


@pytest.mark.parametrize(("offset", "grade"), CLOCKS.values(), ids=CLOCKS)
async def test_a_clock_that_is_off_is_a_warning_or_worse(database, tmp_path, offset, grade):
    (tmp_path / "sitecustomize.py").write_text(
        f"import time\nreal = time.time\ntime.time = lambda: real() + {offset}\n"
    )
    found, said = checked(database.dsn, env={"PYTHONPATH": str(tmp_path)})["clock"]
    assert found == grade
    assert re.search(rf"this machine is {abs(offset) - 1}\.9|this machine is {abs(offset)}\.0", said), said
    assert ("ahead of" if offset > 0 else "behind") in said
    assert "NTP" in said


async def test_rows_of_no_day_and_days_not_made_are_warnings(database, db):
    await db.execute("insert into webhooks.fanouts (event_id, at, matched) values (gen_random_uuid(), '2001-01-01', 0)")
    grade, said = checked(database.dsn)["partitions"]
    assert (grade, "fanouts_default" in said) == ("warning", True)
    await db.execute("delete from webhooks.fanouts")
    day = await db.fetchval("select to_char(now() at time zone 'UTC' + interval '5 days', 'YYYYMMDD')")
    await db.execute(f"drop table webhooks.attempts_{day}")
    grade, said = checked(database.dsn)["partitions"]
    assert (grade, said) == ("warning", "1 of the days ahead are not made dispatcher run makes them")


BURN = """
do $$ begin
  create temp table burnt (n int);
  for i in 1..205000 loop
    begin insert into burnt values (i); exception when others then null; end;
  end loop;
end $$
"""


async def test_what_holds_back_vacuum_is_named(database, db):
    async with connected(database.dsn) as forgotten, forgotten.transaction(isolation="repeatable_read"):
        await forgotten.execute("set local application_name = 'a report'; select 1")
        await db.execute(BURN)
        grade, said = checked(database.dsn)["vacuum"]
        pid = forgotten.get_server_pid()
    assert grade == "warning"
    assert f"transaction a report, {pid}, app_owner holds it back by 2" in said


async def test_a_copy_of_anothers_database_is_found(database, db):
    assert checked(database.dsn)["installation"] == ("ok", "default, with the first run")
    await db.execute("update webhooks.holder set installation = 'production'")
    grade, said = checked(database.dsn)["installation"]
    assert grade == "failed"
    assert said.startswith("the database belongs to installation 'production', and dispatch.installation is 'default'")
    assert "dispatcher run --adopt" in said


async def test_who_holds_the_work_is_named(database):
    async with daemon(database.dsn) as running:
        assert checked(database.dsn)["work"] == ("ok", f"held by pid {running.process.pid} on {gethostname()}")


async def test_something_else_that_holds_the_work_fails_and_can_be_ended(database):
    async with connected(database.dsn) as stranger:
        await stranger.execute("select pg_advisory_lock(hashtextextended('webhooks.dispatcher', 0))")
        pid = stranger.get_server_pid()
        grade, said = checked(database.dsn)["work"]
    assert grade == "failed"
    assert (
        said
        == f"held by something that is not a dispatcher: unnamed, role app_owner select pg_terminate_backend({pid})"
    )
