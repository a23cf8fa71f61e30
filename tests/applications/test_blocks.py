"""The README's code by itself: what of it is run where, and what can be run of it without Ruby."""

import asyncio
import json
import re
import sys
from itertools import count

import psycopg
import pytest

from tests.support import shop
from tests.support.daemon import environment
from tests.support.postgres import connected
from tests.support.sql import stored

MOST = 35
numbers = count(1)


def test_every_block_is_run_by_a_test_here():
    assert sorted(shop.modules()) == [
        "hooks.mjs", "hooks.py", "migrations/0002_webhooks.py", "order.rb", "orders.mjs", "orders.py", "views.py",
        "webhooks.mjs", "webhooks.py",
    ]  # fmt: skip
    assert [len(shop.blocks(kind)) for kind in ("sql", "sh", "ruby")] == [1, 1, 1]
    assert shop.SECTION.count("```") == 2 * len(shop.BLOCK.findall(shop.SECTION))


@pytest.mark.parametrize("kind", ["python", "ruby", "js"])
def test_a_block_can_be_taken_in_at_a_glance(kind):
    for block in shop.blocks(kind):
        assert len(block.splitlines()) <= MOST, block[:40]
        assert max(map(len, block.splitlines())) <= 120


@pytest.mark.parametrize("ending", ["commit", "rollback"])
async def test_what_rails_would_send_inserts_with_its_transaction(ours, producer, db, ending):
    """Through libpq, with binds as text that says no type: as Ruby's `pg` does."""
    (block,) = shop.blocks("ruby")
    statement, binds = re.search(r'exec_query\(\s*"([^"]+)", "emit",\s*\[(.+)\]\s*\)', block).groups()
    assert binds == '"order.paid", data.to_json, customer.slug, "order-#{id}:paid"'
    await producer.execute("create table orders (id bigint, paid bool); insert into orders values (42, false)")
    dsn = ours.dsn_as("app_producer")
    async with await psycopg.AsyncConnection.connect(dsn, cursor_factory=psycopg.AsyncRawCursor) as rails:
        await rails.execute("update orders set paid = true where id = 42")
        given = ("order.paid", json.dumps({"order": 42, "amount": "99.9"}), "acme", "order-42:paid")
        for _ in range(2):
            await rails.execute(statement, given)
        await getattr(rails, ending)()
    is_paid = await producer.fetchval("select paid from orders")
    assert (is_paid, await stored(db)) == (
        (True, [("order.paid", '{"order": 42, "amount": "99.9"}')]) if ending == "commit" else (False, [])
    )


@pytest.fixture
async def tester(cluster):
    """A role that may make databases, as the one that Django's tests run as has to."""
    name = f"shop_tester_{next(numbers)}"
    await cluster.execute(f"create role {name} login createdb")
    yield name
    await cluster.execute(f"drop role {name}")


async def run(*words: str, cwd, env: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_django_s_own_tests_have_the_schema_in_the_database_they_make(cluster, project, database, tester):
    (printed, into) = re.search(r"`dispatcher (migrate --print) > ([\w/.]+)`", shop.SECTION).groups()
    _, script = await run("-m", "dispatcher", *printed.split(), cwd=project, env=environment())
    (project / into).write_text(script)
    env = environment() | shop.libpq(database, tester)
    env |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "TEST_DATABASE": f"{database.name}_of_django"}
    before = len(cluster.log)
    code, said = await run("-m", "django", "test", "--noinput", cwd=project, env=env)
    assert "already a transaction in progress" not in cluster.log[before:]
    assert code == 0, said
    assert "Ran 3 tests" in said


async def test_django_s_migrations_do_nothing_to_a_schema_that_is_there(in_django, ours, db):
    before = await db.fetch("select number, applied_at from webhooks.migrations")
    async with in_django(), connected(ours.superuser_dsn) as superuser:
        assert await superuser.fetchval("select count(*) from django_migrations where app = 'shop'") == 2
    assert await db.fetch("select number, applied_at from webhooks.migrations") == before
