"""The unit and its surroundings: configuration, credentials, accounts, several of them."""

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from standardwebhooks import Webhook

from tests.support.eventually import eventually
from tests.support.installed import ROOT
from tests.support.keys import line
from tests.support.service import service
from tests.support.sql import endpoint, insert, subscribe
from tests.support.tls import Authority

PASSWORD = "hunter2-of-the-dispatcher"
CA_FILE = "/etc/dispatcher/database-ca.pem"
SECRET = "/etc/credstore/dispatcher.database.dsn"
KEYS = "/etc/credstore/dispatcher.secrets-keys"
KEYS_FILE = 'keys_file = "/run/credentials/dispatcher.service/secrets-keys"\n'
REKEY = f"DISPATCHER_SECRETS__KEYS_FILE={KEYS} /opt/dispatcher/bin/dispatcher rekey"


@pytest.fixture
async def tls_dsn(postgres, app, appdb):
    """Over TCP, with TLS and a password still to be said."""
    await appdb.execute(f"alter role dispatcher password '{PASSWORD}'")
    return f"postgresql://dispatcher@localhost:{postgres.port}/{app}?sslmode=verify-full&sslrootcert={CA_FILE}"


async def refused(machine, dispatcher) -> str:
    """The one line it says when it ends by itself, and is not started again."""
    await machine.tried("systemctl", "start", dispatcher.unit)

    async def has_failed() -> bool:
        return await dispatcher.show("ActiveState") == "failed"

    await eventually(has_failed)
    assert await dispatcher.show("ExecMainStatus") == "2"
    assert await dispatcher.restarts() == 0
    (line,) = [line for line in await dispatcher.journal() if line.startswith("dispatcher: ")]
    return line


async def test_a_wrong_configuration_is_said_in_one_line_and_not_tried_again(machine, dispatcher, postgres, app):
    dispatcher.configure(postgres.peer_dsn(app), endpoint="timeout_s = 500\n")
    line = await refused(machine, dispatcher)
    assert "endpoint.timeout_s" in line
    assert "/etc/dispatcher/dispatcher.toml" in line


async def test_a_dsn_from_a_credential_is_seen_by_nobody_else(machine, dispatcher, tls_dsn):
    secret = tls_dsn.replace("@", f":{PASSWORD}@")
    machine.write(SECRET, secret + "\n", 0o600)
    dispatcher.configure()
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    pid = await dispatcher.pid()
    seen = await machine.sh(
        f"systemctl show dispatcher; systemctl cat dispatcher; cat /proc/{pid}/environ /proc/{pid}/cmdline"
    )
    seen += "\n".join(await dispatcher.journal())
    assert "dispatcher@localhost" in seen, "the log names the database"
    assert PASSWORD not in seen


async def test_a_password_from_a_credential(machine, dispatcher, tls_dsn):
    machine.write("/etc/credstore/dispatcher.database-password", PASSWORD + "\n", 0o600)
    file = "/run/credentials/dispatcher.service/database-password"
    dispatcher.configure(database=f'dsn = "{tls_dsn}"\npassword_file = "{file}"\n')
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")


async def test_migrate_with_the_dsn_of_the_credential(machine, dispatcher, tls_dsn):
    machine.write(SECRET, tls_dsn.replace("@", f":{PASSWORD}@") + "\n", 0o600)
    dispatcher.configure()
    said = await machine.sh(f"DISPATCHER_DATABASE__DSN=$(cat {SECRET}) /opt/dispatcher/bin/dispatcher migrate")
    assert "up to date" in said


async def test_keys_from_a_credential_seal_what_is_stored_and_open_what_is_sent(
    machine, dispatcher, tls_dsn, appdb, receiver
):
    machine.write(KEYS, line("k1") + "\n", 0o600)
    endpoint_id, secret = await subscribe(appdb, receiver.url())
    dispatcher.configure(tls_dsn.replace("@", f":{PASSWORD}@"), secrets=KEYS_FILE)
    await dispatcher.start()

    async def is_sealed_with(key_id: str) -> bool:
        return (await endpoint(appdb, endpoint_id))["secret"].startswith(f"sealed:v1:{key_id}:")

    await eventually(lambda: is_sealed_with("k1"))
    await insert(appdb)
    (request,) = await eventually(lambda: receiver.requests)
    Webhook(secret).verify(request.body.decode(), dict(request.headers))
    machine.write(KEYS, f"{line('k2', bytes(32))}\n{line('k1')}\n", 0o600)
    await machine.run("systemctl", "restart", "dispatcher")
    await machine.sh(REKEY)
    assert await is_sealed_with("k2")
    assert not await dispatcher.said("endpoint.hindered")


async def test_a_database_with_the_certificate_of_somebody_else_gets_no_password(
    machine, dispatcher, tls_dsn, tmp_path
):  # fmt: skip
    other = Authority(tmp_path).ca_file.read_text()
    machine.write("/etc/dispatcher/other.pem", other)
    dsn = tls_dsn.replace(CA_FILE, "/etc/dispatcher/other.pem")
    dispatcher.configure(dsn.replace("@", f":{PASSWORD}@"))
    await dispatcher.start()
    said = await dispatcher.status_is("Waiting for the database: dispatcher@localhost")
    assert "certificate verify failed" in said, said
    assert len(await dispatcher.said("database.awaited")) == 1


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
async def test_an_authority_that_is_not_there_is_a_wrong_configuration(machine, dispatcher, tls_dsn, mode):
    dsn = tls_dsn.replace("verify-full", mode)
    dispatcher.configure(dsn.replace(CA_FILE, "/etc/dispatcher/none.pem"))
    line = await refused(machine, dispatcher)
    assert "database.dsn" in line
    assert "sslrootcert" in line


async def test_without_an_authority_it_says_which_parameter_is_missing(machine, dispatcher, tls_dsn):
    dispatcher.configure(tls_dsn.partition("&")[0])
    line = await refused(machine, dispatcher)
    assert "root certificate file" in line


async def test_an_account_whose_home_is_hidden_logs_in_with_a_password(machine, dispatcher, tls_dsn):
    await machine.sh("id housed 2>/dev/null || useradd --create-home housed; chown housed /etc/dispatcher")
    dsn = tls_dsn.partition("?")[0].replace("@", f":{PASSWORD}@")
    dispatcher.configure(dsn)
    await dispatcher.drop_in("user", "[Service]\nUser=housed\n")
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")


async def test_an_account_for_as_long_as_it_runs(machine, dispatcher, tls_dsn):
    machine.write(SECRET, tls_dsn.replace("@", f":{PASSWORD}@"), 0o600)
    await machine.sh("chmod 755 /etc/dispatcher")
    dispatcher.configure()
    await dispatcher.drop_in("dynamic", "[Service]\nDynamicUser=yes\nUser=fleeting\n")
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    assert int(await machine.sh(f"stat -c %u /proc/{await dispatcher.pid()}")) >= 61184


async def test_anybody_may_read_how_it_stands(machine, dispatcher):
    await dispatcher.start()
    await dispatcher.status_is("Holding the work")
    read = "setpriv --reuid=nobody --regid=nogroup --clear-groups cat /run/dispatcher/status.json"
    assert json.loads(await machine.sh(read))["role"] == "holder"
    await machine.run("systemctl", "stop", "dispatcher")
    assert await machine.sh("ls /run/dispatcher 2>/dev/null || true") == ""


async def test_two_on_one_machine_have_a_database_and_a_life_each(machine, postgres, receiver):
    async with AsyncExitStack() as stack:
        for name in ("a", "b"):
            app = await stack.enter_async_context(postgres.database())
            each = await stack.enter_async_context(
                service(machine, f"dispatcher@{name}", f"/etc/dispatcher/{name}.toml")
            )
            dsn = postgres.peer_dsn(app)
            machine.write(f"/etc/credstore/dispatcher-{name}.database.dsn", dsn, 0o600)
            each.configure()
            await each.start()
            await each.status_is("Holding the work")
            async with postgres.connected(app) as db:
                await subscribe(db, receiver.url(f"/{name}"))
                await insert(db)
            await eventually(lambda name=name: receiver.at(f"/{name}"))
        await machine.run("systemctl", "stop", "dispatcher@a")
        assert await each.show("ActiveState") == "active"
        assert await machine.sh("cd /run && ls -d dispatcher*") == "dispatcher-b"


async def test_a_second_one_for_the_same_database_stands_by_and_takes_over(machine, dispatcher, postgres, app):
    async with service(machine, "dispatcher@standby", "/etc/dispatcher/standby.toml") as standby:
        standby.configure(postgres.peer_dsn(app))
        await dispatcher.start()
        await dispatcher.status_is("Holding the work")
        await standby.start()
        await standby.status_is("Standby")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(machine.run("systemctl", "stop", "dispatcher"))
            await standby.status_is("Holding the work")


async def test_the_kernel_refuses_what_the_drop_in_denies(dispatcher, appdb, receiver):
    await dispatcher.drop_in("egress", (ROOT / "systemd/egress.conf").read_text())
    await subscribe(appdb, receiver.url(), timeout_s=2)
    await dispatcher.start()
    await insert(appdb)
    settled = await dispatcher.says("attempt.settled")
    if any("does not support BPF" in line for line in await dispatcher.journal()):
        assert settled["outcome"] == "delivered", "a kernel that cannot refuse"
        return
    assert settled["reason"] == "timeout", settled
    assert not receiver.requests
