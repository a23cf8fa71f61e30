"""`dispatcher migrate`: what it prints, and how it ends."""

import asyncio
import json
import signal
import subprocess
import sys

import pytest

from dispatcher.store.migrate import LOCK, ROLES, known, script
from tests.support.daemon import environment
from tests.support.eventually import eventually
from tests.support.postgres import connected, started

ALL = [f"{migration.number:04} {migration.name}" for migration in known()]

WAITING = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"


def migrate(dsn: str, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dispatcher", "migrate", *words],
        capture_output=True, text=True, timeout=120, check=False, env=environment(dsn, **settings),
    )  # fmt: skip


@pytest.fixture
async def empty(cluster):
    async with cluster.database(migrated=False) as database:
        yield database


@pytest.fixture(scope="module")
def bare():
    """A cluster without the group roles, whose database `postgres` belongs to nobody special."""
    with started() as cluster:
        yield cluster


@pytest.fixture
async def without_roles(bare):
    await bare.execute("create role app_owner login")
    try:
        async with bare.database(migrated=False) as database:
            yield database
    finally:
        await bare.execute(*(f"drop role if exists {role}" for role in (*ROLES, "app_owner")))


async def test_it_names_what_it_applied_and_granted(empty):
    done = migrate(empty.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [*(f"applied {each}" for each in ALL), f"granted {', '.join(ROLES)}"]


async def test_a_second_time_it_says_there_is_nothing_to_do(database):
    done = migrate(database.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["schema webhooks is up to date", f"granted {', '.join(ROLES)}"]


async def test_as_json_it_says_the_same(empty):
    done = migrate(empty.dsn, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"applied": ALL, "granted": list(ROLES), "left_to_do": []}


async def test_what_is_left_to_do_is_sql_an_administrator_can_paste(without_roles):
    done = migrate(without_roles.dsn)
    assert (done.returncode, done.stderr) == (0, "")
    head, _, statements = done.stdout.partition("left to do, in this database:\n")
    assert head.splitlines()[: len(ALL)] == [f"applied {each}" for each in ALL]
    async with connected(without_roles.superuser_dsn) as administrator:
        await administrator.execute(statements)
        for role in ROLES:
            assert await administrator.fetchval("select has_schema_privilege($1, 'webhooks', 'usage')", role)
    assert "left to do" not in migrate(without_roles.dsn).stdout


async def test_what_is_left_to_do_is_in_the_json_too(without_roles):
    told = json.loads(migrate(without_roles.dsn, "--json").stdout)
    assert told["granted"] == []
    assert [text.splitlines()[0] for text in told["left_to_do"]] == [f"create role {role} nologin;" for role in ROLES]


def test_print_is_the_script_and_needs_no_database():
    done = migrate("", "--print")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == script()


async def test_what_print_prints_is_known_as_migrated(empty):
    async with connected(empty.dsn) as owner:
        await owner.execute(migrate("", "--print").stdout)
    assert migrate(empty.dsn).stdout.startswith("schema webhooks is up to date\n")


def complaint(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    return line


async def test_a_role_that_may_not_is_told_what_to_run(empty):
    said = complaint(migrate(empty.dsn_as("app_nobody")), 2)
    assert said.startswith("dispatcher: role app_nobody may not create schema webhooks in database ")
    assert said.endswith('as its owner, run: create schema webhooks authorization "app_nobody"')


async def test_somebody_elses_schema_is_left_alone(database):
    said = complaint(migrate(database.dsn_as("app_operator")), 2)
    assert "connect as the owner of schema webhooks" in said


async def test_a_later_schema_is_refused(database, db):
    await db.execute("insert into webhooks.migrations values (9999, 'later', 'x')")
    assert complaint(migrate(database.dsn), 2).endswith("upgrade dispatcher")


async def test_a_server_that_is_not_there_is_a_failure_not_a_mistake(tmp_path):
    said = complaint(migrate(f"postgresql://app:hunter2@/app?host={tmp_path}"), 1)
    assert "app@/app" in said
    assert "hunter2" not in said


def test_a_private_database_that_is_gone_at_once_is_refused():
    said = complaint(migrate("embedded"), 2)
    assert "embedded:/some/folder" in said


async def test_ctrl_c_while_it_waits_for_another_is_a_failure_without_a_traceback(empty):
    async with connected(empty.dsn) as another, another.transaction():
        await another.execute(LOCK)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dispatcher", "migrate", env=environment(empty.dsn),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await eventually(lambda: another.fetchval(WAITING), 30)
            process.send_signal(signal.SIGINT)
            stdout, stderr = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert "Traceback" not in stderr.decode()
        assert (process.returncode, stdout) == (1, b"")
    assert json.loads(migrate(empty.dsn, "--json").stdout)["applied"] == ALL
