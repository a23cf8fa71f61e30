"""Install, upgrade, uninstall: as the README says, on a machine."""

from tests.support.eventually import eventually
from tests.support.installed import LEAVE, LEAVE_AS_DISPATCHER, MIGRATE, upgrade
from tests.support.postgres import connected
from tests.support.sql import insert, subscribe


async def test_it_starts_with_the_machine(machine, dispatcher):
    await machine.run("systemctl", "enable", "--now", "dispatcher")
    assert await machine.run("systemctl", "is-enabled", "dispatcher") == "enabled"
    await dispatcher.status_is("Holding the work")
    await machine.run("systemctl", "disable", "--now", "dispatcher")
    assert await dispatcher.show("ActiveState") == "inactive"


async def test_the_bytecode_is_installed_too(machine):
    """The service may not write it: each start would compile everything again, a second or more."""
    missing = await machine.sh("""
        cd /opt/dispatcher/lib/python3*/site-packages
        find dispatcher aiohttp asyncpg -name '*.py' | while read file; do
            ls "${file%/*}/__pycache__/$(basename "$file" .py)".*.pyc > /dev/null 2>&1 || echo "$file"
        done
    """)
    assert missing == ""


async def test_an_upgrade_is_install_migrate_restart(machine, package, dispatcher, appdb, receiver):
    await subscribe(appdb, receiver.url())
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    await upgrade(machine, package)
    await machine.sh(MIGRATE)
    await insert(appdb)
    await eventually(lambda: len(receiver.requests) == 1)
    await machine.run("systemctl", "restart", "dispatcher")
    await insert(appdb)
    await eventually(lambda: len(receiver.requests) == 2)


async def test_what_leaves_leaves_nothing(machine, postgres):
    async with connected(postgres.dsn_as("admin", "postgres")) as admin:
        await admin.execute("create database leaving")
        for role in ("leaving", "leaving_producer", "leaving_operator"):
            await admin.execute(f"create role {role} login")
        await admin.execute("grant create on database leaving to leaving")
    dsn = postgres.peer_dsn("leaving").replace("dispatcher@", "leaving@")
    await machine.sh(f"DISPATCHER_DATABASE__DSN='{dsn}' /opt/dispatcher/bin/dispatcher migrate")
    async with connected(postgres.dsn_as("leaving", "leaving")) as leaving:
        await leaving.execute(LEAVE_AS_DISPATCHER)
    async with connected(postgres.dsn_as("admin", "leaving")) as admin:
        renamed = LEAVE.replace("DATABASE app", "DATABASE leaving").replace("webhooks_", "leaving_")
        await admin.execute(renamed.replace("dispatcher", "leaving"))
        assert await admin.fetch("select rolname from pg_roles where rolname like 'leaving%'") == []
        assert await admin.fetch("select nspname from pg_namespace where nspname = 'webhooks'") == []
    async with postgres.connected("postgres") as superuser:
        await superuser.execute("drop database leaving")
